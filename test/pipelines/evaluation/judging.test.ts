import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  bootstrapAccuracy,
  bootstrapDifference,
  tallyGroups,
} from '../../../pipelines/evaluation/metrics/group-bootstrap.ts';
import { classScores } from '../../../pipelines/evaluation/metrics/per-class.ts';
import { fitTemperature, scaleTemperature } from '../../../pipelines/evaluation/metrics/temperature.ts';
import { LinearProbes } from '../../../pipelines/evaluation/probe/linear-probes.ts';
import { classify, RidgeSums } from '../../../pipelines/evaluation/probe/ridge.ts';
import { randomGenerator } from '../../../pipelines/random/generator.ts';

/** Of `golden/make_judging.py`. */
interface Golden {
  readonly probe: {
    readonly size: number;
    readonly classes: number;
    readonly labels: number[];
    readonly features: number[];
    readonly cases: readonly { readonly strength: number; readonly logits: number[] }[];
  };
  readonly temperatures: readonly {
    readonly name: string;
    readonly classCount: number;
    readonly labels: number[];
    readonly logits: number[];
    readonly temperature: number;
    readonly loss: number;
    readonly lossBefore: number;
  }[];
  readonly byClass: {
    readonly confusion: number[][];
    readonly precision: (number | null)[];
    readonly recall: (number | null)[];
    readonly f1: (number | null)[];
    readonly clips: number[];
  };
  readonly groups: {
    readonly clips: number[];
    readonly right: number[];
    readonly other: number[];
    readonly interval: [number, number];
    readonly difference: [number, number];
    readonly binomial: [number, number];
  };
}

const golden = JSON.parse(readFileSync(new URL('golden/judging.json', import.meta.url), 'utf8')) as Golden;

describe('a linear probe', () => {
  const { size, classes, labels, features } = golden.probe;
  const values = Float32Array.from(features);

  it.each(golden.probe.cases)(
    'is scikit-learn’s ridge regression, strength $strength',
    ({ strength, logits }) => {
      const sums = new RidgeSums(size, classes);
      // In two batches, the second with a clip that lacks the modality and must not count.
      sums.add(values.subarray(0, 40 * size), labels.slice(0, 40));
      const rest = new Float32Array((labels.length - 39) * size).fill(99);
      rest.set(values.subarray(40 * size));
      const present = new Uint8Array(labels.length - 39).fill(1);
      present[present.length - 1] = 0;
      sums.add(rest, [...labels.slice(40), 0], present);
      const { weights, bias } = sums.solve(strength);
      const expected = labels.map((_, n) => {
        const own = logits.slice(n * classes, (n + 1) * classes);
        for (let k = 0; k < classes; k += 1) {
          let logit = bias[k]!;
          for (let i = 0; i < size; i += 1) logit += weights[k * size + i]! * values[n * size + i]!;
          expect(Math.abs(logit - own[k]!)).toBeLessThan(1e-8);
        }
        return own.indexOf(Math.max(...own));
      });
      expect([...classify({ weights, bias }, values)]).toEqual(expected);
    },
  );

  it('chooses on the validation split, and is judged on the test clips that have the modality', () => {
    // What the label is lies in one feature; the others are noise, more of them than training clips.
    const random = randomGenerator(1, 'probe');
    const wide = 60;
    const draw = (count: number) => {
      const own = Int32Array.from({ length: count }, (_, n) => n % 2);
      const z = Float32Array.from({ length: count * wide }, (_, i) => {
        const label = own[Math.floor(i / wide)]!;
        return i % wide === 0 ? 2 * label + random.normal() : random.normal();
      });
      return { labels: own, z };
    };
    const judged = (validation: boolean) => {
      const probes = new LinearProbes(['audio', 'rgb'], wide, 2);
      const [train, between, test] = [draw(40), draw(60), draw(400)];
      const shown = ({ labels: own, z }: typeof train, present = new Uint8Array(own.length).fill(1)) =>
        [
          { labels: own, present: { audio: present, rgb: new Uint8Array(own.length) } },
          { features: { audio: z, rgb: z } },
        ] as const;
      probes.fit(...shown(train));
      if (validation) probes.compare(...shown(between));
      const present = new Uint8Array(400).fill(1);
      present.fill(0, 0, 100);
      probes.judge(...shown(test, present));
      return probes.results();
    };
    const { audio, rgb } = judged(true);
    expect(rgb).toBeUndefined();
    expect(audio).toMatchObject({ samples: 300, chosenOn: 'validation' });
    // Guessing gets half, the one feature alone 84 %.
    expect(audio!.accuracy).toBeGreaterThan(0.6);
    expect(judged(false).audio).toMatchObject({ chosenOn: 'nothing', strength: 0.1 });
  });
});

describe('temperature scaling', () => {
  it.each(golden.temperatures)('finds SciPy’s temperature of logits that are $name', (clips) => {
    const { temperature, loss, lossBefore } = clips;
    expect(Math.abs(fitTemperature(clips) / temperature - 1)).toBeLessThan(1e-4);
    const result = scaleTemperature(clips, clips);
    expect(result.validationClips).toBe(clips.labels.length);
    expect(result.before.negativeLogLikelihood).toBeCloseTo(lossBefore, 10);
    expect(result.after.negativeLogLikelihood).toBeCloseTo(loss, 8);
    expect(result.after.expectedCalibrationError).toBeLessThan(result.before.expectedCalibrationError);
  });

  it('stays within bounds where every validation clip is right, and where logits mislead', () => {
    const sure = { classCount: 2, labels: [0, 1], logits: [3, 0, 0, 3] };
    expect(fitTemperature(sure)).toBeCloseTo(0.05, 6);
    expect(fitTemperature({ ...sure, labels: [1, 0] })).toBeCloseTo(20, 6);
  });
});

it('scores by class are scikit-learn’s, and absent where they have no meaning', () => {
  const { confusion, precision, recall, f1, clips } = golden.byClass;
  for (const [k, scores] of classScores(confusion).entries()) {
    expect(scores.clips).toBe(clips[k]);
    for (const [found, expected] of [
      [scores.precision, precision[k]],
      [scores.recall, recall[k]],
      [scores.f1, f1[k]],
    ]) {
      if (expected === null) expect(found).toBeUndefined();
      else expect(found).toBeCloseTo(expected!, 12);
    }
  }
});

describe('intervals over groups', () => {
  const { clips, right, other, interval, difference, binomial } = golden.groups;

  it('are NumPy’s bootstrap of whole groups, and wider than if clips were independent', () => {
    const found = bootstrapAccuracy({ clips, right })!;
    // Two thousandths are the error of so many draws, thrice.
    expect(Math.abs(found.low - interval[0])).toBeLessThan(0.006);
    expect(Math.abs(found.high - interval[1])).toBeLessThan(0.006);
    expect(found.high - found.low).toBeGreaterThan(1.5 * (binomial[1] - binomial[0]));
    expect(bootstrapAccuracy({ clips, right })).toEqual(found);
  });

  it('of a difference draw both methods’ groups together, however many seeds each has', () => {
    const found = bootstrapDifference({ clips, right }, { clips, right: other })!;
    expect(Math.abs(found.low - difference[0])).toBeLessThan(0.002);
    expect(Math.abs(found.high - difference[1])).toBeLessThan(0.002);
    const thrice = (counts: readonly number[]) => counts.map((count) => 3 * count);
    const three = bootstrapDifference({ clips, right }, { clips: thrice(clips), right: thrice(other) })!;
    expect(three.low).toBeCloseTo(found.low, 12);
    expect(three.high).toBeCloseTo(found.high, 12);
  });

  it('say nothing of one group', () => {
    expect(bootstrapAccuracy({ clips: [50], right: [40] })).toBeUndefined();
  });

  it('count a clip without a group by itself', () => {
    const groups = ['a', undefined, 'b', 'a', undefined];
    expect(tallyGroups(groups, [0, 1, 0, 1, 1], Int32Array.of(0, 1, 1, 0, 0))).toEqual({
      clips: [2, 1, 1, 1],
      right: [1, 1, 0, 0],
    });
  });
});
