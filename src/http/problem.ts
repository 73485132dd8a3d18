/** What went wrong, as RFC 9457 has it; `type` is left out, which means `about:blank` (§4.2.1). */
export interface Problem {
  readonly status: number;
  readonly title: string;
  readonly detail?: string;
  /** Our stable name for it. */
  readonly code?: string;
  /** What the log calls the request; only where somebody has to look there. */
  readonly requestId?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The parts of an answer that says what went wrong. */
interface ProblemDocument {
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Writes a problem document. Its words must be fit for anybody: no path, token or patient data. */
export function problemDocument({ headers, ...problem }: Problem): ProblemDocument {
  return {
    headers: {
      ...headers,
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
    },
    text: JSON.stringify(problem),
  };
}

/** The same as a whole response. */
export function problemResponse(problem: Problem): Response {
  const { headers, text } = problemDocument(problem);
  return new Response(text, { status: problem.status, headers });
}
