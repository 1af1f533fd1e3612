import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportModel } from '../../../pipelines/export/export-model.ts';
import { runExport } from '../../../pipelines/export/run-export.ts';
import { openShards } from '../../../pipelines/shards/read/shard-reader.ts';
import { evaluationBatches, loadModel, readWeights } from '../../../pipelines/training/weights/load-model.ts';
import { Parameters, constant } from '../../../pipelines/engine/network/parameters.ts';
import { writePretrainedWeights } from '../../../pipelines/training/weights/pretrained-weights.ts';
import { decodeSafetensors } from '../../../pipelines/training/checkpoints/safetensors.ts';
import { tf, type Tensor } from '../../../pipelines/engine/tensorflow.ts';
import { trainModel } from '../../../pipelines/training/train-model.ts';
import { EXPORT_MANIFEST, exportManifestSchema } from '../../../schemas/exported-model.ts';
import type { ChosenModel } from '../../../schemas/prediction.ts';
import { publishTinyDataset, tinySpec, type TinyDataset } from '../training/tiny-dataset.ts';

let folder: string;
let dataset: TinyDataset;
let chosen: ChosenModel;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'modalmix-export-'));
  dataset = await publishTinyDataset();
  const spec = tinySpec(dataset, 'mm', { epochs: 1 });
  await trainModel({ store: dataset.store, spec, report: () => undefined, stopRequested: () => false });
  chosen = { spec, weights: 'last' };
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The six test clips' columns, pictures cut to the 32 × 32 pixels in the middle of 36 × 40. */
async function columns(): Promise<Record<string, Tensor>> {
  const { store, manifest } = dataset;
  const modalities = ['audio', 'rgb'] as const;
  const shards = await openShards({ store, manifest, split: 'test', modalities });
  const rows = Array.from({ length: shards.rows }, (_, row) => shards.read(row));
  shards.close();
  const audio = tf.stack(rows.map((row) => tf.tensor2d(row.audio!.data, [...row.audio!.shape])));
  const rgb = tf.stack(
    rows.map((row) =>
      row.rgb === undefined
        ? tf.zeros([2, 32, 32, 3])
        : tf
            .tensor4d(Float32Array.from(row.rgb.data), [...row.rgb.shape])
            .slice([0, 2, 4, 0], [2, 32, 32, 3]),
    ),
  );
  const present = tf.tensor2d(rows.map((row) => [1, Number(row.rgb !== undefined)]));
  return { audio, rgb, present };
}

describe('an exported model', () => {
  it('takes the columns of the shards and gives the logits of the evaluation', async () => {
    const out = join(folder, 'saved');
    await exportModel({ store: dataset.store, chosen, format: 'savedmodel', folder: out });
    const { store, manifest } = dataset;
    const model = await loadModel({ store, spec: chosen.spec, manifest, weights: 'last' });
    const batches = evaluationBatches({ store, spec: chosen.spec, manifest, split: 'test', batchSize: 6 });
    const { value: batch } = await batches.next();
    const wanted = model.forward(batch!);
    await batches.return();
    model.dispose();
    expect([...batch!.present.rgb!]).toContain(0);

    const loaded = await tf.node.loadSavedModel(out, ['serve'], 'with_missing');
    const found = loaded.predict(await columns()) as Record<string, Tensor>;
    const close = (name: string, logits: Float32Array, counts?: Uint8Array) => {
      const values = found[name]!.dataSync();
      const largest = Math.max(...logits.map(Math.abs));
      logits.forEach((logit, i) => {
        if (counts?.[Math.floor(i / 2)] === 0) return;
        expect(Math.abs(values[i]! - logit), `${name} ${String(i)}`).toBeLessThanOrEqual(1e-4 * largest);
      });
    };
    close('fused_logits', wanted.logits);
    close('audio_logits', wanted.branchLogits.audio!);
    close('rgb_logits', wanted.branchLogits.rgb!, batch!.present.rgb);
    loaded.dispose();
  });

  it('has a manifest with what another team needs, and files of its hashes', async () => {
    for (const format of ['tfjs', 'savedmodel', 'safetensors'] as const) {
      const out = join(folder, `described-${format}`);
      const told = await exportModel({ store: dataset.store, chosen, format, folder: out });
      const manifest = exportManifestSchema.parse(
        JSON.parse(readFileSync(join(out, EXPORT_MANIFEST), 'utf8')),
      );
      expect(manifest).toEqual(told);
      expect(manifest).toMatchObject({
        trainingId: chosen.spec.trainingId,
        classNames: ['even', 'odd'],
        dataset: { name: 'test', version: dataset.manifest.version },
      });
      expect(readdirSync(out).sort()).toEqual(
        [...manifest.files.map(({ path }) => path), EXPORT_MANIFEST].sort(),
      );
      for (const { path, sha256, bytes } of manifest.files) {
        const written = readFileSync(join(out, path));
        expect([written.length, createHash('sha256').update(written).digest('hex')]).toEqual([bytes, sha256]);
      }
      expect(manifest.preprocessing.normalisedInside).toBe(format !== 'safetensors');
      expect(manifest.preprocessing.normalisation.audio).toEqual(dataset.manifest.normalisation.audio);
      if (format === 'safetensors') continue;
      expect(manifest.inputs.map(({ name, shape }) => [name, shape])).toEqual([
        ['audio', [-1, 33, 20]],
        ['rgb', [-1, 2, 32, 32, 3]],
        ['present', [-1, 2]],
      ]);
      expect(manifest.outputs.map(({ name }) => name)).toEqual(
        ['fused', 'audio', 'rgb'].flatMap((head) => [`${head}_logits`, `${head}_probabilities`]),
      );
    }
  });

  it('as safetensors has torchvision’s names and layouts, and is read as pretrained weights again', async () => {
    const out = join(folder, 'weights');
    const manifest = await exportModel({ store: dataset.store, chosen, format: 'safetensors', folder: out });
    const file = join(out, 'model.safetensors');
    const { tensors, metadata } = decodeSafetensors(readFileSync(file), file);
    const own = await readWeights(dataset.store, chosen.spec.trainingId, 'last');
    expect([...tensors.keys()].sort()).toEqual([...own.tensors.keys()].sort());
    expect(manifest.weights.sha256).toBe(own.sha256());
    expect(JSON.parse(metadata['class_names']!)).toEqual(['even', 'odd']);
    // [h, w, C, D] → [D, C, h, w], number by number
    const [ours, theirs] = [own.tensors.get('rgb.conv1.weight')!, tensors.get('rgb.conv1.weight')!];
    const [h, w, c, d] = ours.shape as [number, number, number, number];
    expect(theirs.shape).toEqual([d, c, h, w]);
    for (const [y, x, channel, filter] of [
      [0, 0, 0, 0],
      [6, 2, 1, 1],
      [3, 5, 2, 0],
    ] as const) {
      const at = ((filter * c + channel) * h + y) * w + x;
      expect(theirs.values[at]).toBe(ours.values[((y * w + x) * c + channel) * d + filter]);
    }
    expect(tensors.get('fusion.classifier.weight')!.shape).toEqual([
      2,
      own.tensors.get('fusion.classifier.weight')!.shape[0],
    ]);

    const parameters = new Parameters(0);
    for (const [name, { shape }] of own.tensors) parameters.learn(name, shape, constant(0));
    const pretrained = {
      audio: { file, otherChannels: 'refuse' },
      rgb: { file, otherChannels: 'refuse' },
    } as const;
    const training = { ...chosen.spec.training, encoder: { depth: 18, width: 2, pretrained } as const };
    await writePretrainedWeights({ training, modalities: ['audio', 'rgb'] }, parameters.all());
    for (const [name, variable] of parameters.all()) {
      if (name.startsWith('fusion.')) continue;
      expect(variable.dataSync(), name).toEqual(own.tensors.get(name)!.values);
    }
    parameters.dispose();
  });

  it('replaces an earlier export with the same bytes, and nothing else', async () => {
    const out = join(folder, 'again');
    const input = { storeUri: dataset.store.uri, chosen, folder: out };
    const here = { store: dataset.store, chosen, folder: out };
    const first = await runExport({ ...input, format: 'tfjs' });
    expect(await exportModel({ ...here, format: 'tfjs' })).toEqual(first);
    await exportModel({ ...here, format: 'savedmodel' });
    expect(readdirSync(out).sort()).toEqual([EXPORT_MANIFEST, 'saved_model.pb']);
    rmSync(join(out, EXPORT_MANIFEST));
    await expect(runExport({ ...input, format: 'tfjs' })).rejects.toMatchObject({
      kind: 'config',
      message: 'the folder holds other files, which are not written over',
    });
    writeFileSync(join(folder, 'file'), '');
    await expect(runExport({ ...input, format: 'tfjs', folder: join(folder, 'file') })).rejects.toThrow(
      /it is a file/u,
    );
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('is refused for a training that is not complete', async () => {
    const spec = { ...chosen.spec, trainingId: 'never-trained' };
    const input = { store: dataset.store, chosen: { spec, weights: 'last' }, format: 'tfjs' } as const;
    await expect(exportModel({ ...input, folder: join(folder, 'none') })).rejects.toMatchObject({
      kind: 'input',
    });
  });
});
