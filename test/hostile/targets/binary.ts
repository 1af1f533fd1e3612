/** Binary files of ours and of others: shards, safetensors, checkpoints, .npy, tables of points, wheels. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { unpackWheel } from '../../../infra/setup/wheels/unpack-wheel.ts';
import { decodeUmap, encodeUmap } from '../../../pipelines/evaluation/umap-table.ts';
import { ClipUnusable } from '../../../pipelines/extraction/extractor.ts';
import { readFeatures } from '../../../pipelines/extraction/features/read-features.ts';
import { loadManifest } from '../../../pipelines/shards/manifest/load-manifest.ts';
import { readShardColumns } from '../../../pipelines/shards/read/shard-columns.ts';
import { ShardFile } from '../../../pipelines/shards/read/shard-file.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import {
  decodeCheckpoint,
  type Checkpoint,
} from '../../../pipelines/training/checkpoints/read-checkpoint.ts';
import { decodeSafetensors, encodeSafetensors } from '../../../pipelines/training/checkpoints/safetensors.ts';
import { arrowProblem } from '../../../pipelines/upkeep/read-store.ts';
import { extractionConfigSchema } from '../../../schemas/config/extraction-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { ShardEntry } from '../../../schemas/manifest.ts';
import { storePaths } from '../../../schemas/names.ts';
import { zipOf } from '../../support/zip.ts';
import { npyOf } from '../../support/npy.ts';
import { mutatedBytes } from '../mutate-bytes.ts';
import { jsonText, mutatedValue, type Json } from '../mutate-values.ts';
import type { Target } from '../target.ts';
import { scratch, write } from './files.ts';

export async function binaryTargets(seeds: string): Promise<Target[]> {
  const store = openStore(`file:${join(seeds, 'store')}`);
  const paths = await store.list('');
  const bytesOf = (path: string) => readFileSync(join(seeds, 'store', path));
  const { name, version } = JSON.parse(bytesOf(storePaths.runDataset('tiny-run')).toString()) as {
    name: string;
    version: string;
  };
  const { shards, modalities } = await loadManifest(store, name, version);
  const entry = shards.find(({ rows }) => rows > 0)!;
  const checkpoint = bytesOf(paths.find((path) => /step-\d+\.safetensors$/u.test(path))!);
  const training = paths.find((path) => path.endsWith('result.json'))!.split('/')[1]!;
  const points = ['a', 'b', 'c'].map((clipId, i) => ({
    ...{ clipId, split: 'test', label: i, space: 'audio' },
    x: i,
    y: -i,
  }));
  return [
    ...shardTargets(bytesOf(entry.path), entry, modalities),
    ...tensorTargets(checkpoint, bytesOf(storePaths.model(training)), training),
    npyTarget(),
    {
      ...{
        name: 'umap',
        kind: 'Arrow files',
        share: 1.5,
        inputs: mutatedBytes([Buffer.from(encodeUmap(points))]),
      },
      parse: (bytes: Buffer) => decodeUmap(new Uint8Array(bytes), 'umap.arrow'),
    },
    {
      ...{
        name: 'arrow-check',
        kind: 'Arrow files',
        share: 1.5,
        inputs: mutatedBytes([Buffer.from(encodeUmap(points)), bytesOf(entry.path)]),
      },
      parse: (bytes: Buffer) => arrowProblem(bytes),
    },
    wheelTarget(),
  ];
}

function shardTargets(bytes: Buffer, entry: ShardEntry, modalities: readonly string[]): Target[] {
  const folder = scratch();
  const store = openStore(`file:${folder}`);
  const kind = 'Arrow files';
  const all = async (mutated: Buffer, sha256: string) => {
    write(folder, entry.path, mutated);
    const shard = await ShardFile.open(
      store,
      { ...entry, sha256, bytes: mutated.length },
      modalities as never,
    );
    try {
      return Array.from({ length: Math.min(shard.rows, 1_000) }, (_, row) => shard.read(row));
    } finally {
      shard.close();
    }
  };
  const inputs = mutatedBytes([bytes]);
  return [
    {
      ...{ name: 'shard', kind, share: 0.2, inputs },
      parse: async (mutated: Buffer) => await all(mutated, entry.sha256),
      judge: (_: unknown, mutated: Buffer) =>
        mutated.equals(bytes) ? undefined : 'a changed shard was taken for the one that was written',
    },
    {
      // Whoever can write the manifest can sign any shard.
      ...{ name: 'shard-signed', kind, share: 0.3, inputs },
      parse: async (mutated: Buffer) =>
        await all(mutated, createHash('sha256').update(mutated).digest('hex')),
    },
    {
      ...{ name: 'shard-columns', kind, share: 0.3, inputs },
      parse: async (mutated: Buffer) => {
        write(folder, entry.path, mutated);
        return await readShardColumns(store, entry);
      },
    },
  ];
}

function tensorTargets(checkpoint: Buffer, model: Buffer, training: string): Target[] {
  const kind = 'tensors';
  const where = 'x.safetensors';
  const tensors = new Map([
    ['a', { shape: [2, 3], values: Float32Array.of(1, 2, 3, 4, 5, 6) }],
    ['b', { shape: [], values: Float32Array.of(7) }],
  ]);
  const small = encodeSafetensors({ tensors, metadata: { format: 'pt' } });
  const whole = decodeCheckpoint(checkpoint, training, where);
  /** The header is changed as JSON, and its length fits again. */
  const headers = (file: Buffer) => {
    const end = 8 + Number(file.readBigUInt64LE());
    return mutatedValue([JSON.parse(file.toString('utf8', 8, end)) as Json]).map((value) => {
      const text = Buffer.from(jsonText(value));
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(text.length));
      return Buffer.concat([length, text, file.subarray(end)]);
    });
  };
  return [
    {
      ...{ name: 'safetensors', kind, share: 3, inputs: fc.oneof(mutatedBytes([small]), headers(small)) },
      parse: (bytes: Buffer) => decodeSafetensors(bytes, where),
      judge: (value: unknown) => {
        const { tensors: read } = value as ReturnType<typeof decodeSafetensors>;
        const fits = [...read.values()].every(
          ({ shape, values }) => values.length === shape.reduce((a, b) => a * b, 1),
        );
        return fits ? undefined : 'a tensor has another size than its shape';
      },
    },
    {
      ...{ name: 'weights', kind, share: 0.1, inputs: mutatedBytes([model]) },
      parse: (bytes: Buffer) => decodeSafetensors(bytes, where),
    },
    {
      ...{
        name: 'checkpoint',
        kind,
        share: 0.15,
        inputs: fc.oneof(mutatedBytes([checkpoint]), headers(checkpoint)),
      },
      parse: (bytes: Buffer) => decodeCheckpoint(bytes, training, where),
      judge: (value: unknown) =>
        isSame(value as Checkpoint, whole)
          ? undefined
          : 'a changed checkpoint was taken for the one that was written',
    },
  ];
}

function isSame(one: Checkpoint, other: Checkpoint): boolean {
  return (
    isDeepStrictEqual(one.state, other.state) &&
    (['model', 'optimizer', 'trained'] as const).every((part) => isDeepStrictEqual(one[part], other[part]))
  );
}

function npyTarget(): Target<Buffer> {
  const folder = scratch();
  const config = extractionConfigSchema.parse({
    modalities: ['audio', 'features:clip'],
    features: { clip: { dims: 3 } },
  });
  const header = (text: string, major = 1) => {
    const length = Buffer.alloc(major === 1 ? 2 : 4);
    length.writeUIntLE(text.length, 0, length.length);
    return Buffer.concat([
      Buffer.from('\x93NUMPY', 'latin1'),
      Buffer.from([major, 0]),
      length,
      Buffer.from(text, 'latin1'),
    ]);
  };
  const files = [
    npyOf([2, 3], [1, 2, 3, 4, 5, 6]),
    Buffer.concat([
      header("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }\n", 2),
      Buffer.alloc(24),
    ]),
  ];
  const words = fc.array(
    fc.tuple(
      fc.constantFrom(
        '{',
        '}',
        ',',
        ' ',
        '\t',
        '\n',
        "'",
        '(',
        ')',
        ':',
        "'shape'",
        "'descr'",
        "'fortran_order'",
        'False',
        "'<f4'",
        '9',
        '[',
        "\\'",
      ),
      fc.oneof(fc.constant(1), fc.nat(9_000)),
    ),
    { maxLength: 8 },
  );
  const grammar = words.map((parts) =>
    Buffer.concat([
      header(`{${parts.map(([word, times]) => word.repeat(times)).join('')}`.slice(0, 65_500)),
      Buffer.alloc(24),
    ]),
  );
  return {
    ...{
      name: 'npy',
      kind: 'tensors',
      share: 1,
      inputs: fc.oneof({ weight: 3, arbitrary: mutatedBytes(files) }, grammar),
    },
    parse: async (bytes) =>
      await readFeatures({ features: { clip: write(folder, 'a.clip.npy', bytes) } }, config),
    refuses: (error) => error instanceof ClipUnusable,
  };
}

function wheelTarget(): Target<Buffer> {
  const folder = scratch();
  const wheel = zipOf([
    { name: 'bin/program', text: 'x'.repeat(100), mode: 0o755 },
    { name: 'bin/sub/lib.so', text: 'y' },
  ]);
  return {
    ...{ name: 'wheel', kind: 'archives', share: 0.1, inputs: mutatedBytes([wheel]) },
    parse: async (bytes) => {
      const into = join(folder, 'into');
      rmSync(into, { recursive: true, force: true });
      mkdirSync(into);
      return await unpackWheel(write(folder, 'a.whl', bytes), ['bin/'], into);
    },
    refuses: (error) =>
      error instanceof ModalmixError && (error.kind === 'dependency' || error.kind === 'transient'),
  };
}
