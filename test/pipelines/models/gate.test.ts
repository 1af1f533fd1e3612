import { describe, expect, it } from 'vitest';
import { applyGate } from '../../../pipelines/models/gate.ts';
import { gateConfigSchema } from '../../../schemas/config/retrain-config.ts';
import { gateDecisionSchema, type ModelComparison } from '../../../schemas/retrain.ts';
import { scores } from './made-up-history.ts';

const gateOf = (changes: object = {}) => gateConfigSchema.parse(changes);

function comparison(
  heldOut: readonly [candidate: number, current: number],
  newData?: readonly [candidate: number, current: number],
  samples = { heldOut: 200, newData: 40 },
): ModelComparison {
  const judged = ([candidate, current]: readonly [number, number], count: number) => ({
    candidate: scores(candidate, count),
    current: scores(current, count),
  });
  return {
    heldOut: judged(heldOut, samples.heldOut),
    ...(newData === undefined ? {} : { newData: judged(newData, samples.newData) }),
  };
}

describe('the gate', () => {
  it('lets the first model in, since there is none to be worse than', () => {
    const decision = applyGate(gateOf(), { heldOut: { candidate: scores(0.1, 4) } });
    expect(decision).toEqual({
      promoted: true,
      reasons: [
        'There is no current model: this one, with a held-out accuracy of 10.00 % on 4 clips, is the first.',
      ],
      gate: gateOf(),
    });
  });

  it('says one sentence a condition, with the numbers', () => {
    const decision = applyGate(gateOf({ minGain: 0.01 }), comparison([0.85, 0.8325], [0.7, 0.76]));
    expect(gateDecisionSchema.parse(decision)).toEqual(decision);
    expect(decision.promoted).toBe(false);
    expect(decision.reasons).toEqual([
      'The held-out set has 200 clips, enough: at least 20 are asked.',
      "Held-out accuracy on 200 clips: 85.00 % against the current model's 83.25 %, a gain of 1.75 points, not less than the 1.00 points asked.",
      'Which clips one model alone has right is not known, so chance is not asked about.',
      "New-data accuracy on 40 clips: 70.00 % against the current model's 76.00 %, a gain of −6.00 points, less than the −5.00 points asked.",
    ]);
  });

  it.each([
    ['as good as the current one', comparison([0.8, 0.8], [0.7, 0.7]), true],
    ['worse on the held-out set', comparison([0.795, 0.8], [0.9, 0.7]), false],
    ['worse on new data within the tolerance', comparison([0.8, 0.8], [0.65, 0.7]), true],
    ['worse on new data beyond it', comparison([0.9, 0.8], [0.64, 0.7]), false],
    ['better, on too few clips', comparison([0.9, 0.5], undefined, { heldOut: 19, newData: 0 }), false],
    ['worse on new data of too few clips', comparison([0.9, 0.8], [0, 1], { heldOut: 50, newData: 9 }), true],
    ['better, with no new clip held out', comparison([0.9, 0.8]), true],
  ] as const)('of a candidate that is %s', (_, asked, promoted) => {
    expect(applyGate(gateOf(), asked).promoted).toBe(promoted);
  });

  it('takes a gain of exactly what is asked, whatever floating point makes of it', () => {
    expect(0.8 - 0.75).toBeGreaterThan(0.05);
    expect(0.35 - 0.3).toBeLessThan(0.05);
    expect(applyGate(gateOf({ minGain: 0.05 }), comparison([0.35, 0.3])).promoted).toBe(true);
    expect(applyGate(gateOf({ minGain: 0.0501 }), comparison([0.35, 0.3])).promoted).toBe(false);
  });

  it('compares the score that the config names', () => {
    const asked: ModelComparison = {
      heldOut: {
        candidate: { ...scores(0.9), macroF1: 0.5 },
        current: { ...scores(0.8), macroF1: 0.6 },
      },
    };
    expect(applyGate(gateOf(), asked).promoted).toBe(true);
    const byF1 = applyGate(gateOf({ metric: 'macroF1' }), asked);
    expect(byF1.promoted).toBe(false);
    expect(byF1.reasons[1]).toContain('Held-out macro F1 on 200 clips: 50.00 %');
  });

  describe('where it is known which clips one model alone has right', () => {
    const judged = (samples: number, candidate: number, current: number, both: number) => ({
      candidate: scores((both + candidate) / samples, samples),
      current: scores((both + current) / samples, samples),
      alone: { candidate, current },
    });
    const decide = (heldOut: ModelComparison['heldOut'], changes: object = {}) =>
      applyGate(gateOf(changes), { heldOut });

    it('is not moved by one clip of 150, and says how seldom that would suffice', () => {
      const decision = decide(judged(150, 16, 15, 47));
      expect(decision.promoted).toBe(false);
      expect(decision.reasons[2]).toBe(
        'The candidate alone is right on 16 clips, the current model alone on 15: with 95 % confidence a gain above −5.58 points, ' +
          'beyond the margin of −2.00 points (of equally good candidates 13 % would pass on so many clips).',
      );
    });

    it.each([
      ['the same on enough clips', judged(10_000, 400, 390, 6_000), true],
      ['much better on few clips', judged(60, 20, 3, 25), true],
      ['never another answer, on enough clips', judged(200, 0, 0, 150), true],
      ['never another answer, on too few', judged(100, 0, 0, 75), false],
      ['better, hardly, on many clips', judged(400, 40, 30, 250), true],
    ] as const)('of a candidate that gives %s', (_, heldOut, promoted) => {
      expect(decide(heldOut).promoted).toBe(promoted);
    });

    it('asks for what margin and level say, and for nothing at margin 1', () => {
      const heldOut = judged(150, 16, 15, 47);
      expect(decide(heldOut, { margin: 0.06 }).promoted).toBe(true);
      expect(decide(heldOut, { margin: 0.05, level: 0.1 }).promoted).toBe(true);
      expect(decide(heldOut, { margin: 1 }).reasons).toHaveLength(3);
    });

    it('holds a loss on new data against a candidate only where chance does not explain it', () => {
      const heldOut = judged(400, 60, 20, 250);
      const on = (newData: ModelComparison['heldOut']) => applyGate(gateOf(), { heldOut, newData });
      const chance = on(judged(15, 1, 3, 10));
      expect(chance.promoted).toBe(true);
      expect(chance.reasons[3]).toMatch(/a gain of −13\.33 points, .* not shown to be less than the −5\.00/u);
      const forgotten = on(judged(15, 0, 8, 3));
      expect(forgotten.promoted).toBe(false);
      expect(forgotten.reasons[3]).toMatch(/below −29\.90 points: shown to be less than the −5\.00/u);
    });
  });
});
