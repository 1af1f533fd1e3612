import { entriesOf } from '../../../../schemas/modality.ts';
import { closeSync, openSync, truncateSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBatches } from '../../../../pipelines/training/data/batch-source.ts';
import { openShards, type ShardSet } from '../../../../pipelines/shards/read/shard-reader.ts';
import { BatchReader, testingBatches, type Batch } from '../../../../pipelines/training/data/batches.ts';
import { tf } from '../../../../pipelines/engine/tensorflow.ts';
import { publishTinyDataset, type TinyDataset } from '../tiny-dataset.ts';
import { copyOfDataset } from '../tiny-training.ts';

const MODALITIES = ['audio', 'rgb'] as const;
const VARIATION = { augment: { cropMinScale: 0.5, flip: true }, seed: 3, epoch: 2 };
const VARIED = {
  ...VARIATION,
  augment: {
    ...VARIATION.augment,
    audio: {
      gainDb: 6,
      noise: { snrDb: [0, 20] as [number, number] },
      frequencyMasks: { count: 1, largest: 8 },
    },
    colour: { brightness: 0.4, hue: 0.1 },
  },
};

let dataset: TinyDataset;
beforeAll(async () => {
  dataset = await publishTinyDataset();
});

const options = () => ({
  ...{ manifest: dataset.manifest, modalities: MODALITIES, cropPx: 24 },
  testView: 'whole' as const,
});

async function open(): Promise<ShardSet> {
  const { store, manifest } = dataset;
  return await openShards({ store, manifest, split: 'train', modalities: MODALITIES });
}

/** A copy: a batch is valid until the next. */
const copied = (batch: Batch) => structuredClone({ ...batch, images: valuesOf(batch) });

function valuesOf({ images }: Batch) {
  return entriesOf(images).map(([name, { rows, shape, values }]) => ({
    ...{ name, rows, shape },
    values: Float32Array.from(values),
  }));
}

describe('batches made by the thread', () => {
  it('are those read in place, to the last bit, each still whole when the next is being made', async () => {
    const shards = await open();
    const lists = testingBatches(shards.rows, 5);
    const reader = new BatchReader(shards, options());
    const sources = await openBatches({ train: shards }, options());
    for (const variation of [VARIATION, VARIED, undefined]) {
      const expected = lists.map((rows) => copied(reader.read(rows, variation)));
      const found = [];
      for await (const batch of sources.of.train.batches(lists, variation)) {
        // Long enough for the thread to have made the next one.
        await new Promise((resolve) => setTimeout(resolve, 20));
        found.push(copied(batch));
      }
      expect(found).toEqual(expected);
    }
    await sources.close();
    shards.close();
  });

  it('become tensors of the same numbers', async () => {
    const shards = await open();
    const sources = await openBatches({ train: shards }, options());
    for await (const { images } of sources.of.train.batches([Int32Array.of(2, 1)], VARIATION)) {
      const { values, shape } = images.rgb!;
      const tensor = tf.tensor(values, [...shape]);
      expect(await tensor.data()).toEqual(Float32Array.from(values));
      tensor.dispose();
    }
    await sources.close();
    shards.close();
  });

  it('may be left early and begun anew, also by two readers in turns', async () => {
    const shards = await open();
    const lists = testingBatches(shards.rows, 5);
    const [one, two] = [
      await openBatches({ train: shards }, options()),
      await openBatches({ train: shards }, options()),
    ];
    const first = async (sources: typeof one) => {
      for await (const batch of sources.of.train.batches(lists, VARIATION)) return copied(batch);
      throw new Error('there is no batch');
    };
    const expected = copied(new BatchReader(shards, options()).read(lists[0]!, VARIATION));
    for (const sources of [one, two, one, one, two]) expect(await first(sources)).toEqual(expected);
    await one.close();
    expect(await first(two)).toEqual(expected);
    await two.close();
    shards.close();
  });

  it('fail as in place, naming the clip, and the thread goes on', async () => {
    const shards = await open();
    const bit = 1 << 1;
    const blind = shards.missing.findIndex((mask) => (mask & bit) !== 0);
    const claimed: ShardSet = { ...shards, missing: new Uint8Array(shards.rows) };
    const sources = await openBatches({ train: shards, claimed }, options());
    const read = async (source: (typeof sources.of)['train']) => {
      const found = [];
      for await (const batch of source.batches([Int32Array.of(0), Int32Array.of(blind)]))
        found.push(batch.size);
      return found;
    };
    await expect(read(sources.of.claimed)).rejects.toMatchObject({
      kind: 'input',
      where: shards.clipIds[blind],
    });
    expect(await read(sources.of.train)).toEqual([1, 1]);
    await sources.close();
    shards.close();
  });

  it('fail when a shard is cut short under way', async () => {
    const store = await copyOfDataset(dataset);
    const { manifest } = dataset;
    const shards = await openShards({ store, manifest, split: 'train', modalities: MODALITIES });
    const sources = await openBatches({ train: shards }, options());
    for (const { file } of shards.files!) truncateSync(file, 1_000);
    const read = async () => {
      for await (const batch of sources.of.train.batches([Int32Array.of(0)])) return batch.size;
      return 0;
    };
    await expect(read()).rejects.toMatchObject({ kind: 'input', where: shards.files![0]!.file });
    await sources.close();
    shards.close();
  });

  it('leave no file open', async () => {
    const lowestFree = () => {
      const descriptor = openSync('/dev/null', 'r');
      closeSync(descriptor);
      return descriptor;
    };
    const once = async () => {
      const shards = await open();
      const sources = await openBatches({ train: shards }, options());
      for await (const batch of sources.of.train.batches(testingBatches(shards.rows, 5))) {
        expect(batch.size).toBeGreaterThan(0);
      }
      await sources.close();
      shards.close();
    };
    await once();
    const before = lowestFree();
    await once();
    expect(lowestFree()).toBe(before);
  });
});

describe('batches of clips that lie in no file', () => {
  it('are read in place', async () => {
    const shards = await open();
    const { files, ...rest } = shards;
    expect(files).toHaveLength(1);
    const sources = await openBatches({ train: rest }, options());
    const expected = copied(new BatchReader(shards, options()).read(Int32Array.of(4, 2), VARIATION));
    for await (const batch of sources.of.train.batches([Int32Array.of(4, 2)], VARIATION)) {
      expect(copied(batch)).toEqual(expected);
    }
    await sources.close();
    shards.close();
  });
});
