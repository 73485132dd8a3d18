import { expect, it } from 'vitest';
import { BridgeError } from '../../src/errors/bridge-error.ts';
import {
  NotFoundError,
  OriginRefusedError,
  OriginUnavailableError,
} from '../../src/errors/origin-errors.ts';
import { InvalidQuestionError } from '../../src/errors/request-errors.ts';
import { SpoolFullError } from '../../src/errors/spool-errors.ts';
import { httpFailureOf, titleOf } from '../../src/translate/http-status.ts';

it('says what is wrong with a question', () => {
  expect(httpFailureOf(new InvalidQuestionError('limit takes a whole number'))).toEqual({
    status: 400,
    code: 'invalid_question',
    detail: 'limit takes a whole number',
  });
});

it('D31 says the same of everything that is not there', () => {
  expect(httpFailureOf(new NotFoundError('the archive does not have it'))).toEqual(
    httpFailureOf(new NotFoundError('there is no such resource')),
  );
});

it('never hands on what the archive thinks of us', () => {
  for (const status of [401, 403, 404, 405, 415]) {
    expect(httpFailureOf(new OriginRefusedError('it refuses us', status)).status).toBe(502);
  }
});

it('tells a silent archive from one that is overloaded and one that is not there', () => {
  const silent = Object.assign(new Error(), { code: 'UND_ERR_HEADERS_TIMEOUT' });
  const statusOf = (options: ConstructorParameters<typeof OriginUnavailableError>[1]): number =>
    httpFailureOf(new OriginUnavailableError('away', options)).status;

  expect(statusOf({})).toBe(502);
  expect(statusOf({ status: 500 })).toBe(502);
  expect(statusOf({ status: 503 })).toBe(503);
  expect(statusOf({ status: 429 })).toBe(503);
  expect(statusOf({ status: 504 })).toBe(504);
  expect(statusOf({ cause: silent })).toBe(504);
});

it('says when to come back, and never at once', () => {
  const waitOf = (error: Error): number | undefined => httpFailureOf(error).retryAfterSeconds;

  expect(waitOf(new SpoolFullError('full', {}))).toBe(5);
  expect(waitOf(new OriginUnavailableError('', { status: 503, retryAfterMs: 0 }))).toBe(1);
  expect(waitOf(new OriginUnavailableError('', { status: 503, retryAfterMs: 2_001 }))).toBe(3);
  expect(waitOf(new OriginUnavailableError(''))).toBeUndefined();
});

it('says nothing of a defect', () => {
  expect(httpFailureOf(new TypeError('PatientName is undefined'))).toEqual({
    status: 500,
    code: 'internal_error',
  });
  expect(httpFailureOf('text')).toEqual({ status: 500, code: 'internal_error' });
});

it('has a title for each status', () => {
  const error = new BridgeError('association_timeout', 'x', { transient: true });
  expect(titleOf(httpFailureOf(error).status)).toBe('Gateway Timeout');
  expect(titleOf(413)).toBe('Content Too Large');
});
