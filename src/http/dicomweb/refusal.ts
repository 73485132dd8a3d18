import { titleOf } from '../../translate/http-status.ts';
import type { Problem } from '../problem.ts';

/** Ends the handling of a request with this answer. */
export class Refusal extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title);
    this.name = 'Refusal';
    this.problem = problem;
  }
}

/** @param detail - a sentence fit for anybody: it quotes nothing of the request. */
export function refusal(
  status: number,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Refusal {
  return new Refusal({ status, title: titleOf(status), detail, headers });
}
