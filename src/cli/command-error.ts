/** What a person at the terminal has to be told; the command then ends with exit code 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}
