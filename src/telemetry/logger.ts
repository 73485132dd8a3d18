/** Structured log lines: fields first, then one sentence. Fields never hold secrets or patient data. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** A logger whose lines all carry these fields. */
  child(fields: object): Logger;
}
