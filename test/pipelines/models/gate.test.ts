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
});
