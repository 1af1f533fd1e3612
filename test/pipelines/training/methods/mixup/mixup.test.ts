import { describe, expect, it } from 'vitest';
import type { Presence } from '../../../../../pipelines/training/data/presence.ts';
import { randomGenerator } from '../../../../../pipelines/random/generator.ts';
import {
  drawPartners,
  drawRatio,
  hardLabels,
  lambdaWeights,
  mixLabels,
  mixWeights,
  type Ratios,
} from '../../../../../pipelines/training/methods/mixup/mixup.ts';

const PARTNERS = Int32Array.of(1, 2, 0);
const COMPLETE = { audio: Uint8Array.of(1, 1, 1), rgb: Uint8Array.of(1, 1, 1) };

describe('the mixing ratio', () => {
  it('is the larger of λ and 1 − λ, uniform on [½, 1] for α = 1', () => {
    const draws = Array.from({ length: 4000 }, (_, step) =>
      drawRatio(randomGenerator(0, 'lambda', 0, step), 1),
    );
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0.5);
    expect(Math.max(...draws)).toBeLessThanOrEqual(1);
    expect(draws.reduce((sum, value) => sum + value, 0) / draws.length).toBeCloseTo(0.75, 1);
  });

  it('and the partners are the same for the same step and others for another', () => {
    const at = (step: number) => [...drawPartners(randomGenerator(3, 'pairs', 1, step), 20)];
    expect(at(5)).toEqual(at(5));
    expect(at(5)).not.toEqual(at(6));
    expect(at(5).sort((a, b) => a - b)).toEqual([...Array(20).keys()]);
  });
});

describe('mixed labels', () => {
  it('add up to 1 and give each class what its feature has in the mix', () => {
    const weights = [
      mixWeights(0.8, 'audio', COMPLETE, PARTNERS),
      mixWeights(0.6, 'rgb', COMPLETE, PARTNERS),
    ];
    const labels = mixLabels(Int32Array.of(0, 1, 0), PARTNERS, weights, 2);
    const expected = [0.7, 0.3, 0.3, 0.7, 1, 0];
    for (const [place, value] of expected.entries()) expect(labels[place]).toBeCloseTo(value, 6);
  });

  it('follow the features where a modality is missing in one of a pair', () => {
    const present = { audio: Uint8Array.of(1, 1, 1), rgb: Uint8Array.of(1, 0, 1) };
    const audio = mixWeights(0.75, 'audio', present, PARTNERS);
    const rgb = mixWeights(0.75, 'rgb', present, PARTNERS);
    // Row 0 has rgb, its partner 1 has not: rgb stays clean. Row 1 has none: it takes its partner's.
    expect([...rgb.own]).toEqual([1, 0, 0.75]);
    expect([...rgb.other]).toEqual([0, 1, 0.25]);
    const labels = mixLabels(Int32Array.of(0, 1, 2), PARTNERS, [audio, rgb], 3);
    expect([...labels.subarray(0, 3)]).toEqual([0.875, 0.125, 0]);
    expect([...labels.subarray(3, 6)]).toEqual([0, 0.375, 0.625]);
  });

  describe('by λ where the stronger modality is mixed further', () => {
    const LABELS = Int32Array.of(0, 1, 2);
    const labelsOf = (present: Presence, ratios: Ratios, lambda: number) => {
      const weights = new Map(
        (['audio', 'rgb'] as const).map((modality) => [
          modality,
          mixWeights(ratios[modality]!, modality, present, PARTNERS),
        ]),
      );
      return mixLabels(LABELS, PARTNERS, lambdaWeights(lambda, weights, ratios, present, PARTNERS), 3);
    };

    it('are λ of the clip, whatever the stronger one holds', () => {
      expect([...labelsOf(COMPLETE, { audio: 0.5, rgb: 0.75 }, 0.75)]).toEqual([
        0.75, 0.25, 0, 0, 0.75, 0.25, 0.25, 0, 0.75,
      ]);
    });

    it('are MM’s where one of a pair lacks a modality', () => {
      // Row 0 keeps its rgb clean, row 1 takes its partner's, as in the test above.
      const present = { audio: COMPLETE.audio, rgb: Uint8Array.of(1, 0, 1) };
      const mm = labelsOf(present, { audio: 0.75, rgb: 0.75 }, 0.75);
      expect(labelsOf(present, { audio: 0.625, rgb: 0.75 }, 0.75)).toEqual(mm);
      expect([...mm.subarray(0, 3)]).toEqual([0.875, 0.125, 0]);
      // And where it is the stronger one that is lacking.
      expect(labelsOf(present, { audio: 0.75, rgb: 0.625 }, 0.75)).toEqual(mm);
    });

    it('follow the stronger modality where a pair has nothing else', () => {
      const present = { audio: COMPLETE.audio, rgb: Uint8Array.of(0, 0, 1) };
      const labels = labelsOf(present, { audio: 0.625, rgb: 0.75 }, 0.75);
      expect([...labels.subarray(0, 3)]).toEqual([0.625, 0.375, 0]);
      expect([...labels.subarray(3, 6)]).toEqual([0, 0.375, 0.625]);
    });
  });

  it('with ratio 1 are the hard labels', () => {
    const labels = Int32Array.of(2, 0, 1);
    const weights = [mixWeights(1, 'audio', COMPLETE, PARTNERS)];
    expect(mixLabels(labels, PARTNERS, weights, 3)).toEqual(hardLabels(labels, 3));
  });
});
