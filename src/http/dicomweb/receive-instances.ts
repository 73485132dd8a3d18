import type { Principal } from '../../access/principal.ts';
import type { DicomJson } from '../../dicom/dicom-json.ts';
import type { StoreInstancesRequest } from '../../translate/dicomweb-request.ts';
import type { Exchange } from './exchange.ts';
import { refusal } from './refusal.ts';
import { RequestBody } from './request-body.ts';
import type { BodyFault } from './request-body.ts';
import type { AnswerOptions } from './request-relay.ts';

/** Takes what a client sends; `flows/store-through.ts` meets it. */
export type StoreInstances = (
  principal: Principal,
  request: StoreInstancesRequest,
  content: { readonly contentType: string; readonly chunks: AsyncIterable<Buffer> },
  options: AnswerOptions,
) => Promise<{ readonly status: number; readonly dataSet: DicomJson }>;

interface ReceiveOptions {
  readonly principal: Principal;
  readonly request: StoreInstancesRequest;
  readonly storeInstances: StoreInstances;
  readonly maxBodyBytes: number;
  readonly stallMs: number;
  readonly answer: AnswerOptions;
}

/** Carries the body of a Store Instances request to whoever stores it, and answers with the report. */
export async function receiveInstances(exchange: Exchange, options: ReceiveOptions): Promise<void> {
  const { principal, request, storeInstances, maxBodyBytes, stallMs } = options;
  const { incoming } = exchange;
  const { headers } = incoming;
  // What is packed may unpack to anything (HOSTILE D30); no DICOMweb client packs.
  if (headers['content-encoding'] !== undefined) {
    throw refusal(415, 'the body must not be encoded', { 'accept-encoding': 'identity' });
  }
  if (Number(headers['content-length']) > maxBodyBytes) throw tooLarge(maxBodyBytes);
  const body = new RequestBody(incoming, {
    maxBytes: maxBodyBytes,
    stallMs,
    onRead: () => exchange.askForBody(),
  });
  exchange.body = body;
  const content = { contentType: headers['content-type'] ?? '', chunks: body.chunks() };
  const report = await storeInstances(principal, request, content, options.answer).catch(
    (error: unknown) => {
      throw body.fault === undefined ? error : refusalOf(body.fault, maxBodyBytes);
    },
  );
  const head = { status: report.status, headers: { 'content-type': 'application/dicom+json' } };
  exchange.send(head, Buffer.from(JSON.stringify(report.dataSet)));
}

function refusalOf(fault: BodyFault, maxBodyBytes: number): Error {
  if (fault === 'too-large') return tooLarge(maxBodyBytes);
  return refusal(fault === 'too-slow' ? 408 : 400, `the body is ${fault}`);
}

function tooLarge(maxBodyBytes: number): Error {
  return refusal(413, `the body exceeds ${maxBodyBytes} bytes`);
}
