import type { Logger } from '../../src/telemetry/logger.ts';

/** A logger that keeps its lines as text, to look for what should, or must not, stand there. */
export interface RecordingLogger extends Logger {
  readonly lines: readonly string[];
}

export function recordingLogger(): RecordingLogger {
  const lines: string[] = [];
  const write =
    (level: string, bound: object) =>
    (fields: object, message: string): void => {
      lines.push(`${level} ${JSON.stringify({ ...bound, ...fields })} ${message}`);
    };
  const logger = (bound: object): RecordingLogger => ({
    lines,
    debug: write('debug', bound),
    info: write('info', bound),
    warn: write('warn', bound),
    error: write('error', bound),
    child: (fields) => logger({ ...bound, ...fields }),
  });
  return logger({});
}
