/** dcmjs has no typings; this is what we use of it. Keys are `(0008,103E)`, or carry a private creator. */
declare module 'dcmjs/dictionary' {
  export const dictionary: Readonly<
    Record<string, { readonly vr?: string; readonly name?: string }>
  >;
}
