import { pino } from 'pino';
import type { DestinationStream, Logger as Pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { Logger } from './logger.ts';
import { redact, redactText } from './redaction.ts';

interface LoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** `undefined`: pretty on a terminal, else JSON. */
  readonly format: 'json' | 'pretty' | undefined;
  /** Where lines go; a terminal has `isTTY`. */
  readonly output: DestinationStream & { readonly isTTY?: boolean };
}

/**
 * Makes the logger of the process: one line an event, `time`, `level`, `msg` and the fields.
 *
 * Lines are written at once, not collected, so that the last ones before a crash are there.
 */
export function createLogger({ level, format, output }: LoggerOptions): Logger {
  const isTerminal = output.isTTY === true;
  const isPretty = format === undefined ? isTerminal : format === 'pretty';
  return wrap(
    pino(
      {
        level,
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      isPretty ? prettyOutput(output, isTerminal) : output,
    ),
  );
}

/** Not pino-pretty's own stream, which would still hold lines when the process ends. */
function prettyOutput(output: DestinationStream, colorize: boolean): DestinationStream {
  const prettify = prettyFactory({ colorize, translateTime: 'SYS:HH:MM:ss.l', singleLine: true });
  return { write: (line) => output.write(prettify(line)) };
}

/** A logger that writes nothing; for tests and for commands that print. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

function wrap(logger: Pino): Logger {
  const write = (level: 'debug' | 'info' | 'warn' | 'error', fields: object, message: string) => {
    if (logger.isLevelEnabled(level)) logger[level](redact(fields), redactText(message));
  };
  return {
    debug: (fields, message) => write('debug', fields, message),
    info: (fields, message) => write('info', fields, message),
    warn: (fields, message) => write('warn', fields, message),
    error: (fields, message) => write('error', fields, message),
    child: (fields) => wrap(logger.child(redact(fields) as object)),
  };
}
