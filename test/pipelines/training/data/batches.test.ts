import { beforeAll, describe, expect, it } from 'vitest';
import { openShards, type ShardSet } from '../../../../pipelines/shards/read/shard-reader.ts';
import { BatchReader, testingBatches, trainingBatches } from '../../../../pipelines/training/data/batches.ts';
import { publishTinyDataset, type TinyDataset } from '../tiny-dataset.ts';

const MODALITIES = ['audio', 'rgb'] as const;
/** rgb's bit of the shards' `missing`. */
const RGB_BIT = 1 << 1;
const AUGMENT = { cropMinScale: 0.5, flip: true };
let dataset: TinyDataset;
let shards: ShardSet;
beforeAll(async () => {
  dataset = await publishTinyDataset();
  const { store, manifest } = dataset;
  shards = await openShards({ store, manifest, split: 'train', modalities: MODALITIES });
});

const newReader = () =>
  new BatchReader(shards, { manifest: dataset.manifest, modalities: MODALITIES, cropPx: 24 });

const firstRows = (count: number) => Int32Array.from({ length: count }, (_, row) => row);

describe('the order of an epoch', () => {
  it('has every row once, another order each epoch, the same for the same seed', () => {
    const order = (seed: number, epoch: number) =>
      trainingBatches(firstRows(20), 6, seed, epoch).flatMap((rows) => [...rows]);
    expect(order(0, 1).toSorted((a, b) => a - b)).toEqual([...Array(20).keys()]);
    expect(order(0, 1)).toEqual(order(0, 1));
    expect(order(0, 2)).not.toEqual(order(0, 1));
    expect(order(1, 1)).not.toEqual(order(0, 1));
  });

  it('leaves out a last batch of one row in training, and nothing in testing', () => {
    expect(trainingBatches(firstRows(13), 6, 0, 0).map((rows) => rows.length)).toEqual([6, 6]);
    expect(trainingBatches(firstRows(14), 6, 0, 0).map((rows) => rows.length)).toEqual([6, 6, 2]);
    expect(testingBatches(13, 6).map((rows) => rows.length)).toEqual([6, 6, 1]);
  });
});

describe('a batch', () => {
  it('has only the clips that have a modality, and says which', () => {
    const rows = Int32Array.from({ length: shards.rows }, (_, row) => row);
    const batch = newReader().read(rows);
    const blind = [...rows].filter((row) => (shards.missing[row]! & RGB_BIT) !== 0);
    expect(blind.length).toBeGreaterThan(0);
    expect([...rows].filter((row) => batch.present.rgb![row] === 0)).toEqual(blind);
    expect(batch.images.rgb!.shape).toEqual([shards.rows - blind.length, 2, 24, 24, 3]);
    expect([...batch.images.rgb!.rows]).toEqual([...rows].filter((row) => !blind.includes(row)));
    expect(batch.images.audio!.shape[0]).toBe(shards.rows);
  });

  it('is normalised: over the training split audio has mean 0 and deviation 1', () => {
    const { values } = newReader().read(Int32Array.from({ length: shards.rows }, (_, row) => row)).images
      .audio!;
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const square = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(mean).toBeCloseTo(0, 4);
    expect(square).toBeCloseTo(1, 4);
  });

  it('shows the middle of a picture, or the whole, as the options say', () => {
    const rows = firstRows(4).filter((row) => (shards.missing[row]! & RGB_BIT) === 0);
    const pixels = (testView?: 'centre' | 'whole') =>
      new BatchReader(shards, {
        ...{ manifest: dataset.manifest, modalities: MODALITIES, cropPx: 24 },
        ...(testView === undefined ? {} : { testView }),
      })
        .read(rows)
        .images.rgb!.values.slice();
    expect(pixels('centre')).toEqual(pixels());
    expect(pixels('whole')).not.toEqual(pixels());
    // A mean over the whole picture is the picture's; its middle has another.
    const { data } = shards.read(rows[0]!).rgb!;
    const mean = (values: ArrayLike<number>, from: number, step: number) => {
      let sum = 0;
      for (let at = from; at < values.length; at += step) sum += values[at]!;
      return sum / Math.floor((values.length - from + step - 1) / step);
    };
    const red = mean(pixels('whole').subarray(0, 2 * 24 * 24 * 3), 0, 3) * 0.229 * 255 + 0.485 * 255;
    expect(Math.abs(red - mean(data, 0, 3))).toBeLessThan(2);
  });

  it('varies in sound and colours where asked to, by its row alone, and not otherwise', () => {
    const rows = firstRows(6);
    const read = (augment: object, which = rows) => {
      const { images } = newReader().read(which, { augment: { ...AUGMENT, ...augment }, seed: 2, epoch: 5 });
      return { audio: images.audio!.values.slice(), rgb: images.rgb!.values.slice() };
    };
    const audio = { gainDb: 6, timeMasks: { count: 1, largest: 5, share: 1 } };
    const colour = { brightness: 0.5 };
    const [plain, both] = [read({}), read({ audio, colour })];
    expect(read({ audio: undefined, colour: undefined })).toEqual(plain);
    expect(both.audio).not.toEqual(plain.audio);
    expect(both.rgb).not.toEqual(plain.rgb);
    // One does not move what the other draws, nor the crops.
    expect(read({ audio })).toEqual({ audio: both.audio, rgb: plain.rgb });
    expect(read({ colour })).toEqual({ audio: plain.audio, rgb: both.rgb });
    const size = both.audio.length / rows.length;
    const alone = read({ audio }, rows.subarray(3, 4)).audio;
    expect(both.audio.subarray(3 * size, 4 * size)).toEqual(alone);
  });

  it('varies with the epoch and the seed, and with nothing else', () => {
    const rows = Int32Array.of(3, 0, 7, 5);
    const pixels = (seed: number, epoch: number, reader = newReader(), which = rows) =>
      reader.read(which, { augment: AUGMENT, seed, epoch }).images.rgb!.values.slice();
    const used = newReader();
    pixels(9, 9, used);
    expect(pixels(0, 1, used)).toEqual(pixels(0, 1));
    expect(pixels(0, 2)).not.toEqual(pixels(0, 1));
    expect(pixels(1, 1)).not.toEqual(pixels(0, 1));
    const present = rows.filter((row) => (shards.missing[row]! & RGB_BIT) === 0);
    const first = pixels(0, 1, newReader(), present.subarray(0, 1));
    expect(pixels(0, 1).subarray(0, first.length)).toEqual(first);
  });
});
