import { describe, expect, it } from 'vitest';
import { balanceRatios } from '../../../../../pipelines/training/methods/mixup/balance.ts';
import { discrepancyRatios } from '../../../../../pipelines/training/methods/discrepancy.ts';
import { modulationCoefficients } from '../../../../../pipelines/training/methods/modulation/ogm-coefficients.ts';

describe('the balance policy', () => {
  it('gives MM’s ratio to every modality when ρ is 1, and when γ is 0', () => {
    for (const ratio of [0.5, 0.6180339887, 1]) {
      expect(balanceRatios(ratio, { audio: 1, rgb: 1 }, 0.1)).toEqual({ audio: ratio, rgb: ratio });
      expect(balanceRatios(ratio, { audio: 3, rgb: 1 / 3 }, 0)).toEqual({ audio: ratio, rgb: ratio });
    }
  });

  it('mixes the stronger modality less and the weaker one more, within [½, 1]', () => {
    let last = { audio: 0.7, rgb: 0.7 };
    for (const rho of [1.2, 2, 5, 50, 1e6]) {
      const { audio = 0, rgb = 0 } = balanceRatios(0.7, { audio: rho, rgb: 1 / rho }, 0.1);
      expect(audio).toBeGreaterThan(last.audio);
      expect(rgb).toBeLessThan(last.rgb);
      expect(audio).toBeLessThanOrEqual(1);
      expect(rgb).toBeGreaterThanOrEqual(0.5);
      if (rho < 50) last = { audio, rgb };
    }
  });

  it('is the formula of the docs for two modalities', () => {
    const k = 1 - Math.tanh(0.1 * (2.5 - 1));
    const { audio, rgb } = balanceRatios(0.8, { audio: 0.4, rgb: 2.5 }, 0.1);
    expect(rgb).toBeCloseTo(0.8 + 0.2 * (1 - k), 12);
    expect(audio).toBeCloseTo(0.5 + 0.3 * k, 12);
  });

  it('treats a third modality by its own ρ', () => {
    const ratios = balanceRatios(0.8, { audio: 1.5, rgb: 1, flow: 0.6 }, 0.5);
    expect(ratios.audio).toBeGreaterThan(0.8);
    expect(ratios.rgb).toBe(0.8);
    expect(ratios.flow).toBeLessThan(0.8);
  });
});

describe('discrepancy ratios', () => {
  it('compare a modality’s score with the mean of the others', () => {
    expect(discrepancyRatios({ audio: 6, rgb: 3 })).toEqual({ audio: 2, rgb: 0.5 });
    expect(discrepancyRatios({ audio: 6, rgb: 1, flow: 3 })).toEqual({
      audio: 3,
      rgb: 1 / 4.5,
      flow: 3 / 3.5,
    });
  });

  it('are 1 where there is nothing to compare', () => {
    expect(discrepancyRatios({ audio: 6 })).toEqual({ audio: 1 });
    expect(discrepancyRatios({ audio: 0, rgb: 0 })).toEqual({ audio: 1, rgb: 1 });
  });
});

it('OGM slows down the modality whose ρ is above 1, and only that', () => {
  const coefficients = modulationCoefficients({ audio: 2, rgb: 0.5 }, 0.3);
  expect(coefficients).toEqual({ audio: 1 - Math.tanh(0.6), rgb: 1 });
});
