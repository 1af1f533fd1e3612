/** Whom people are asked about: the scores against SciPy, the choice against its promises. */
import { describe, expect, it } from 'vitest';
import { answerScores } from '../../../../pipelines/prediction/stream/answer-scores.ts';
import { Reference } from '../../../../pipelines/prediction/stream/reference.ts';
import { ReviewSelector } from '../../../../pipelines/prediction/stream/review-selector.ts';
import { randomGenerator } from '../../../../pipelines/random/generator.ts';
import type { AnswerScores } from '../../../../schemas/answer.ts';
import { REVIEW_REASONS, type ReviewConfig } from '../../../../schemas/config/answer-config.ts';

const ENTROPY = 0.7298466991620975;
const JS_OF_TWO = 0.5348053087739442;
const JS_OF_THREE = 0.28579214491462396;
const DISTANCES = [
  1.2368672184798182, 1.3115103727625341, 1.4248933667841774, 1.4902735936627869, 1.588870639352185,
];

const FUSED = [0.7, 0.2, 0.1];
const BRANCHES = [
  [0.9, 0.05, 0.05],
  [0.1, 0.3, 0.6],
  [0.2, 0.5, 0.3],
] as const;

describe('the scores of an answer', () => {
  // SciPy 1.17: scipy.stats.entropy(p) / ln 3; scipy.spatial.distance.jensenshannon(a, b, base=2) ** 2;
  // (entropy(mean) - mean of entropies) / ln 3 for three.
  it('are those that SciPy computes', () => {
    expect(answerScores(FUSED, [], undefined).entropy).toBeCloseTo(ENTROPY, 14);
    expect(answerScores(FUSED, BRANCHES.slice(0, 2), undefined).disagreement).toBeCloseTo(JS_OF_TWO, 14);
    expect(answerScores(FUSED, BRANCHES, undefined).disagreement).toBeCloseTo(JS_OF_THREE, 14);
  });

  it('end at 0 and 1', () => {
    expect(
      answerScores(
        [1, 0, 0],
        [
          [1, 0, 0],
          [1, 0, 0],
        ],
        0.5,
      ),
    ).toEqual({
      ...{ entropy: 0, disagreement: 0, distance: 0.5 },
    });
    const { entropy, disagreement } = answerScores(
      [0.25, 0.25, 0.25, 0.25],
      [
        [1, 0, 0, 0],
        [0, 0, 0, 1],
      ],
      undefined,
    );
    expect(entropy).toBeCloseTo(1, 14);
    expect(disagreement).toBeCloseTo(1, 14);
  });

  it('say nothing of disagreement where one branch answered', () => {
    expect(answerScores(FUSED, [BRANCHES[0]], undefined)).not.toHaveProperty('disagreement');
  });
});

describe('the distance to the training clips', () => {
  // SciPy's cdist of rows divided by their length, sorted.
  const reference = new Reference(
    Array.from({ length: 5 }, (_, row) =>
      Float32Array.from({ length: 3 }, (__, d) => Math.sin(3 * row + d + 1)),
    ),
  );
  const clip = Float32Array.from({ length: 3 }, (_, d) => Math.cos(2 * d));

  it('is that to the k-th nearest, as SciPy has it', () => {
    for (const [place, distance] of DISTANCES.entries()) {
      expect(reference.distance(clip, place + 1)).toBeCloseTo(distance, 6);
    }
    expect(reference.distance(clip, 99)).toBe(reference.distance(clip, 5));
    expect(new Reference([]).distance(clip, 1)).toBeUndefined();
  });
});

describe('the choice of whom to ask', () => {
  const rules: ReviewConfig = {
    ...{ share: 0.1, reasons: [...REVIEW_REASONS], compareWith: 100 },
    ...{ referenceClips: 0, neighbours: 1 },
  };
  const play = (selector: ReviewSelector, scores: readonly AnswerScores[]) =>
    scores.map((one) => {
      const reasons = selector.reasonsFor(one);
      selector.add(one, reasons.length > 0);
      return reasons;
    });
  const random = randomGenerator(4, 'review test');
  const drawn = Array.from({ length: 2_000 }, (_, at) => ({
    // They drift: what was far once is usual later.
    ...{ entropy: random.uniform(), disagreement: random.uniform(), distance: random.uniform() + at / 1_000 },
  }));

  it('never asks about more than the share, of the first answers and of any hundred in a row', () => {
    const asked = play(new ReviewSelector(rules), drawn).map((reasons) => reasons.length > 0);
    for (let end = 1; end <= asked.length; end += 1) {
      const row = asked.slice(Math.max(0, end - 100), end);
      expect(row.filter(Boolean).length).toBeLessThanOrEqual(0.1 * row.length);
    }
    // And hardly about fewer.
    expect(asked.filter(Boolean).length).toBeGreaterThan(0.07 * asked.length);
  });

  it('asks about what stands out, and says why', () => {
    const selector = new ReviewSelector(rules);
    const usual = Array.from({ length: 100 }, (_, at) => ({
      entropy: 0.2 + at / 1e4,
      disagreement: 0.1,
      distance: 0.5,
    }));
    for (const scores of usual) selector.add(scores, false);
    expect(selector.reasonsFor({ entropy: 0.1, disagreement: 0.1, distance: 0.5 })).toEqual([]);
    expect(selector.reasonsFor({ entropy: 0.1, disagreement: 0.1, distance: 0.9 })).toEqual([
      { reason: 'far', score: 0.9, rank: 1 },
    ]);
    expect(selector.reasonsFor({ entropy: 0.9, disagreement: 0.8 }).map(({ reason }) => reason)).toEqual([
      'uncertain',
      'disagreement',
    ]);
  });

  it('says the same after another worker has taken over', () => {
    const whole = play(new ReviewSelector(rules), drawn);
    const second = new ReviewSelector(rules);
    for (const [at, scores] of drawn.slice(900, 1_000).entries()) {
      second.add(scores, whole[900 + at]!.length > 0);
    }
    expect(play(second, drawn.slice(1_000))).toEqual(whole.slice(1_000));
  });

  it('asks nobody where the share is 0', () => {
    expect(play(new ReviewSelector({ ...rules, share: 0 }), drawn.slice(0, 50)).flat()).toEqual([]);
  });
});
