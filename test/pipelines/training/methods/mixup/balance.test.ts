import { describe, expect, it } from 'vitest';
import { trainingConfigSchema } from '../../../../../schemas/config/training-config.ts';
import { strongFurther, strongLess } from '../../../../../pipelines/training/methods/mixup/balance.ts';
import { discrepancyRatios } from '../../../../../pipelines/training/methods/discrepancy.ts';
import { modulationCoefficients } from '../../../../../pipelines/training/methods/modulation/ogm-coefficients.ts';

const LAMBDAS = [0.5, 0.6180339887, 0.7, 0.8123456789012345, 1];

describe('strong-further, the rule of B-MM', () => {
  it('gives λ to every modality when ρ is 1, and when γ is 0, to the last bit', () => {
    for (const lambda of LAMBDAS) {
      expect(strongFurther(lambda, { audio: 1, rgb: 1 }, 1)).toEqual({ audio: lambda, rgb: lambda });
      expect(strongFurther(lambda, { audio: 3, rgb: 1 / 3 }, 0)).toEqual({ audio: lambda, rgb: lambda });
    }
  });

  it('mixes what leads further the more it leads, down to ½, and leaves the other at λ', () => {
    let last = 0.9;
    for (const rho of [1.05, 1.2, 1.6, 2, 3]) {
      const { audio = 0, rgb } = strongFurther(0.9, { audio: rho, rgb: 1 / rho }, 1);
      expect(audio).toBeLessThan(last);
      expect(rgb).toBe(0.9);
      last = audio;
    }
    expect(strongFurther(0.9, { audio: 50, rgb: 0.02 }, 1)).toEqual({ audio: 0.5, rgb: 0.9 });
  });

  it('is ½ + (λ − ½)(1 − tanh(γ (ρ − 1)))', () => {
    // 1 − tanh(0.9) = 0.283702129…
    expect(strongFurther(0.8, { audio: 0.4, rgb: 1.6 }, 1.5).rgb).toBeCloseTo(0.5851106, 6);
  });

  it('mixes each of three modalities that leads the others’ mean by its own ρ, and no other', () => {
    const ratios = strongFurther(0.8, { audio: 1.5, rgb: 1.1, flow: 0.5 }, 1);
    expect(ratios.audio).toBeCloseTo(0.5 + 0.3 * (1 - Math.tanh(0.5)), 12);
    expect(ratios.rgb).toBeCloseTo(0.5 + 0.3 * (1 - Math.tanh(0.1)), 12);
    expect(ratios.flow).toBe(0.8);
  });
});

describe('strong-less, the rule before', () => {
  it('gives λ to every modality when ρ is 1, and when γ is 0', () => {
    for (const lambda of LAMBDAS) {
      expect(strongLess(lambda, { audio: 1, rgb: 1 }, 0.1)).toEqual({ audio: lambda, rgb: lambda });
      expect(strongLess(lambda, { audio: 3, rgb: 1 / 3 }, 0)).toEqual({ audio: lambda, rgb: lambda });
    }
  });

  it('mixes the stronger modality less and the weaker one more, within [½, 1]', () => {
    let last = { audio: 0.7, rgb: 0.7 };
    for (const rho of [1.2, 2, 5, 50, 1e6]) {
      const { audio = 0, rgb = 0 } = strongLess(0.7, { audio: rho, rgb: 1 / rho }, 0.1);
      expect(audio).toBeGreaterThan(last.audio);
      expect(rgb).toBeLessThan(last.rgb);
      expect(audio).toBeLessThanOrEqual(1);
      expect(rgb).toBeGreaterThanOrEqual(0.5);
      if (rho < 50) last = { audio, rgb };
    }
  });

  it('is the formula of its docstring', () => {
    const k = 1 - Math.tanh(0.1 * (2.5 - 1));
    const { audio, rgb } = strongLess(0.8, { audio: 0.4, rgb: 2.5 }, 0.1);
    expect(rgb).toBeCloseTo(0.8 + 0.2 * (1 - k), 12);
    expect(audio).toBeCloseTo(0.5 + 0.3 * k, 12);
  });
});

describe('what the config says of B-MM', () => {
  const parse = (balance: unknown) => trainingConfigSchema.parse({ balance }).balance;

  it('is the rule strong-further, γ 1, and the label by λ', () => {
    expect(parse({})).toMatchObject({ rule: 'strong-further', gamma: 1, labels: 'lambda', mixed: 'all' });
    expect(parse({ gamma: 2 })).toMatchObject({ rule: 'strong-further', gamma: 2, labels: 'lambda' });
  });

  it('understands the earlier rules by their earlier names, with what went with them', () => {
    const before = { gamma: 0.1, labels: 'mean', rule: 'strong-less', updates: 'every-epoch' };
    expect(parse({ rule: 'policy' })).toMatchObject(before);
    expect(parse({ rule: 'policy', gamma: 0.5, labels: 'weak' })).toMatchObject({
      ...{ ...before, gamma: 0.5, labels: 'weak' },
    });
    expect(parse({ rule: 'fixed' })).toMatchObject({ ...before, updates: 'first-epoch' });
    expect(parse({ rule: 'opposite', gamma: 1 })).toMatchObject({
      rule: 'opposite',
      gamma: 1,
      labels: 'mean',
    });
  });

  it.each([
    [{ rule: 'independent', labels: 'lambda' }, /labels.*no λ that all share: use labels mean/su],
    [{ mixed: 'strong' }, /labels.*not every modality holds λ: use labels mean/su],
    [{ mixed: 'weak', labels: 'mean' }, /mixed.*changes only what leads: use mixed all/su],
  ])('refuses %j with what to write instead', (balance, message) => {
    expect(() => parse(balance)).toThrow(message);
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
