import { describe, expect, it } from 'vitest';
import { trainingDataSchema, type TrainingData } from '../../../../schemas/config/training-config.ts';
import { openStore } from '../../../../pipelines/store/open-store.ts';
import { changeRows, type ChangedRows } from '../../../../pipelines/training/data/training-data.ts';
import { trainModel } from '../../../../pipelines/training/train-model.ts';
import { trainingSpecs } from '../../../../pipelines/training/training-spec.ts';
import { evaluateModel } from '../../../../pipelines/evaluation/evaluate-model.ts';
import { publishTinyDataset, tinyConfig } from '../tiny-dataset.ts';

const AUDIO = 1;
const RGB = 2;

/** 40 clips of class 0, 30 of class 1, 20 of class 2; every tenth clip has no picture already. */
const CLASSES = [40, 30, 20];
const labels = Int32Array.from(CLASSES.flatMap((count, k) => Array<number>(count).fill(k)));
const rows = {
  labels,
  clipIds: Array.from(labels, (_, row) => `clip-${String(row)}`),
  missing: Uint8Array.from(labels, (_, row) => (row % 10 === 0 ? RGB : 0)),
};
const change = (data: TrainingData, seed = 0): ChangedRows =>
  changeRows(trainingDataSchema.parse(data), rows, 3, ['audio', 'rgb'], seed);
const countsOf = ({ kept }: ChangedRows): number[] =>
  CLASSES.map((_, k) => kept.filter((row) => labels[row] === k).length);

describe('training data', () => {
  it('with few labels keeps that share of each class, and a larger share keeps the same clips and more', () => {
    const tenth = change({ keepShare: 0.1 });
    const half = change({ keepShare: 0.5 });
    expect(countsOf(tenth)).toEqual([4, 3, 2]);
    expect(countsOf(half)).toEqual([20, 15, 10]);
    expect([...tenth.kept].every((row) => half.kept.includes(row))).toBe(true);
    expect(countsOf(change({ keepShare: 0.001 }))).toEqual([1, 1, 1]);
  });

  it('with a long tail falls off by the factor from the first class to the last', () => {
    // 40, 40 / √10 = 12.6, 40 / 10
    expect(countsOf(change({ longTailFactor: 10 }))).toEqual([40, 13, 4]);
    expect(countsOf(change({ longTailFactor: 1.5 }))).toEqual([40, 30, 20]);
    expect(countsOf(change({ longTailFactor: 10, keepShare: 0.5 }))).toEqual([20, 7, 2]);
  });

  it('with label noise has exactly that share of wrong labels, spread over the other classes', () => {
    const { kept, labels: noisy } = change({ labelNoise: 0.4 });
    const wrong = [...kept].filter((row) => noisy[row] !== labels[row]);
    expect(wrong).toHaveLength(36);
    expect(new Set(wrong.map((row) => noisy[row]))).toEqual(new Set([0, 1, 2]));
    expect([...noisy].every((label) => label >= 0 && label < 3)).toBe(true);
  });

  it('with missing modalities takes exactly that share of the complete clips, and never all a clip has', () => {
    const { missing } = change({ missing: { audio: 0.5, rgb: 0.25 } });
    const lost = (bit: number) =>
      [...missing].filter((mask, row) => (mask & ~rows.missing[row]! & bit) !== 0).length;
    // 81 of the 90 clips are complete: round(40.5), round(20.25)
    expect(lost(AUDIO)).toBe(41);
    expect(lost(RGB)).toBe(20);
    expect([...missing].every((mask) => mask !== (AUDIO | RGB))).toBe(true);
  });

  it('follows from the seed and the ids alone', () => {
    const all: TrainingData = { keepShare: 0.5, labelNoise: 0.2, missing: { audio: 0.3 } };
    expect(change(all, 3)).toEqual(change(all, 3));
    expect(change(all, 3)).not.toEqual(change(all, 4));
    const reversed = changeRows(
      all,
      { labels: labels.toReversed(), clipIds: rows.clipIds.toReversed(), missing: rows.missing.toReversed() },
      3,
      ['audio', 'rgb'],
      3,
    );
    const there = change(all, 3);
    expect([...reversed.kept].map((row) => 89 - row).sort((a, b) => a - b)).toEqual([...there.kept]);
    expect(reversed.labels.toReversed()).toEqual(there.labels);
    expect(reversed.missing.toReversed()).toEqual(there.missing);
  });

  it('is refused where it would mean nothing', () => {
    expect(trainingDataSchema.safeParse({}).success).toBe(false);
    expect(trainingDataSchema.safeParse({ missing: { audio: 0.7, rgb: 0.7 } }).success).toBe(false);
    expect(trainingDataSchema.safeParse({ keepShare: 0 }).success).toBe(false);
  });

  it('changes what is trained on and nothing of validation and test', async () => {
    const { store, manifest } = await publishTinyDataset();
    const specOf = (data?: TrainingData) => {
      const config = tinyConfig('joint', { epochs: 1, ...(data === undefined ? {} : { data }) });
      return trainingSpecs(
        {
          ...config,
          evaluation: { ...config.evaluation, noiseLevels: [1], blurSigmas: [2], maskShares: [0.5] },
        },
        manifest,
      )[0]!;
    };
    const train = async (data?: TrainingData) =>
      await trainModel({ store, spec: specOf(data), report: () => undefined, stopRequested: () => false });
    const whole = await train();
    const few = await train({ keepShare: 0.5 });
    // 11 clips of each class, then 6 of each, in batches of 5.
    expect([whole.steps, few.steps]).toEqual([5, 3]);
    expect(few.trainingId).not.toBe(whole.trainingId);
    expect(few.environment.peakMemoryMiB).toBeGreaterThan(50);
    const evaluation = await evaluateModel({
      store: openStore(store.uri),
      spec: specOf({ keepShare: 0.5 }),
      report: () => undefined,
      stopRequested: () => false,
    });
    expect(evaluation.fused.samples).toBe(6);
    expect(evaluation.blurred?.map(({ modality, level }) => [modality, level])).toEqual([['rgb', 2]]);
    expect(evaluation.masked?.map(({ modality, level }) => [modality, level])).toEqual([['audio', 0.5]]);
    expect(evaluation.noised.map(({ modality }) => modality)).toEqual(['audio', 'rgb']);
  });
});
