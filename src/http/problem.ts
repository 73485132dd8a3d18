/** What went wrong, as RFC 9457 has it; `type` is left out, which means `about:blank` (§4.2.1). */
export interface Problem {
  readonly status: number;
  readonly title: string;
  readonly detail?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A problem document. Its words must be fit for anybody: no path, token or patient data. */
export function problemResponse({ headers, ...problem }: Problem): Response {
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      ...headers,
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
    },
  });
}
