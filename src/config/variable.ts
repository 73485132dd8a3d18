import { z } from 'zod';

/** Everything the bridge knows of one variable; docs/configuration.md is made from it. */
export interface Variable<T> {
  /** What stands there when nobody sets it, in the notation of the variable itself. */
  readonly default?: string;
  /** What happens when it is not set and has no default. */
  readonly whenUnset?: string;
  /** What it accepts, as a phrase. */
  readonly accepts: string;
  /** What it is for, in one sentence. */
  readonly description: string;
  /** True when its value is never shown and may also be given in a file. */
  readonly secret?: true;
  /** How a secret of which a part may be seen is shown; without it, asterisks. */
  readonly show?: (text: string) => string;
  readonly schema: z.ZodType<T, string>;
}

/** A value as the rest of the bridge gets it; `undefined` only where there is no default. */
export type ValueOf<V> = V extends { readonly schema: z.ZodType<infer T, string> }
  ? V extends { readonly default: string }
    ? T
    : T | undefined
  : never;

/** A zod schema out of a parser that answers `undefined` to what it does not take. */
export function parsedBy<T>(parse: (text: string) => T | undefined): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    const value = parse(text);
    if (value === undefined) {
      context.addIssue({ code: 'custom', message: 'not accepted' });
      return z.NEVER;
    }
    return value;
  });
}
