/** How much a person's look at an answer is worth; formulas and sources: `schemas/answer.ts`. Pure. */
import type { AnswerScores } from '../../../schemas/answer.ts';

/**
 * @param fused probabilities [K]
 * @param branches of the modalities that the clip has, [K] each
 * @param distance of `Reference`
 */
export function answerScores(
  fused: readonly number[],
  branches: readonly (readonly number[])[],
  distance: number | undefined,
): AnswerScores {
  const divergence = disagreement(branches);
  return {
    entropy: fused.length < 2 ? 0 : clamp(entropy(fused) / Math.log(fused.length)),
    ...(divergence === undefined ? {} : { disagreement: divergence }),
    ...(distance === undefined ? {} : { distance }),
  };
}

function disagreement(branches: readonly (readonly number[])[]): number | undefined {
  const [first] = branches;
  if (first === undefined || branches.length < 2) return undefined;
  const most = Math.log(Math.min(branches.length, first.length));
  if (most === 0) return 0;
  const mean = first.map((_, k) => branches.reduce((sum, p) => sum + p[k]!, 0) / branches.length);
  const own = branches.reduce((sum, p) => sum + entropy(p), 0) / branches.length;
  return clamp((entropy(mean) - own) / most);
}

/** In nats; 0 ln 0 is 0. */
function entropy(probabilities: readonly number[]): number {
  return probabilities.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
}

/** Rounding may leave a value a little outside. */
function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}
