import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFeatures, type FeatureRows } from '../../../pipelines/evaluation/feature-table.ts';
import { projectFeatures } from '../../../pipelines/evaluation/project-features.ts';
import { decodeUmap, encodeUmap } from '../../../pipelines/evaluation/umap-table.ts';
import { randomGenerator } from '../../../pipelines/random/generator.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-features-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Points around `classes` centres, class n mod `classes`. */
function clusters(points: number, classes: number, seed: number): number[][] {
  const centre = randomGenerator(1, 'centres');
  const centres = Array.from({ length: classes }, () =>
    Array.from({ length: 32 }, () => 3 * centre.normal()),
  );
  const noise = randomGenerator(seed, 'noise');
  return Array.from({ length: points }, (_, n) =>
    (centres[n % classes] ?? []).map((value) => value + noise.normal()),
  );
}

describe('the layout of a feature space', () => {
  const options = { neighbors: 15, minDist: 0.1, seed: 3, space: 'fused', onProgress: () => undefined };

  it('puts test clips beside training clips of their class, the same way each time', async () => {
    const input = { ...options, train: clusters(120, 4, 5), test: clusters(40, 4, 6) };
    const layout = await projectFeatures(input);
    const right = layout.test.filter(([x, y], n) => {
      const distances = layout.train.map(([a, b]) => (a - x) ** 2 + (b - y) ** 2);
      return distances.indexOf(Math.min(...distances)) % 4 === n % 4;
    });
    expect(right.length).toBeGreaterThanOrEqual(38);
    expect(await projectFeatures(input)).toEqual(layout);
  });

  it('moves no training point when as many test clips are placed as it was fitted on', async () => {
    const train = clusters(64, 4, 5);
    const alone = await projectFeatures({ ...options, train, test: [] });
    const both = await projectFeatures({ ...options, train, test: clusters(64, 4, 6) });
    expect(both.train).toEqual(alone.train);
    expect(both.test).toHaveLength(64);
  });

  it('is finite for features that are all alike and for hardly any clips', async () => {
    const same = Array.from({ length: 20 }, () => new Array<number>(8).fill(0));
    const collapsed = await projectFeatures({ ...options, train: same, test: same.slice(0, 7) });
    const tiny = await projectFeatures({ ...options, train: clusters(4, 2, 5), test: clusters(1, 2, 6) });
    for (const { train, test } of [collapsed, tiny]) {
      expect([...train, ...test].flat().every(Number.isFinite)).toBe(true);
    }
  });

  it('reports its share done and stops when the report throws', async () => {
    const shares: number[] = [];
    const input = { ...options, train: clusters(30, 2, 5), test: clusters(10, 2, 6) };
    await projectFeatures({ ...input, onProgress: (share) => shares.push(share) });
    expect(shares.at(-1)).toBe(1);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    const stop = () => {
      throw new Error('stopped');
    };
    await expect(projectFeatures({ ...input, onProgress: stop })).rejects.toThrow('stopped');
  });
});

describe('the table of features', () => {
  async function* batches(): AsyncGenerator<FeatureRows> {
    for (const start of [0, 2]) {
      await Promise.resolve();
      yield {
        clipIds: [`clip-${String(start)}`, `clip-${String(start + 1)}`],
        labels: Int32Array.of(start, start + 1),
        predicted: Int32Array.of(1, 1),
        spaces: [
          { name: 'audio', values: Float32Array.of(1, 2, 0, 0), size: 2, present: Uint8Array.of(1, 0) },
          { name: 'fused', values: Float32Array.of(1, 2, 3, 4, 5, 6), size: 3 },
        ],
      };
    }
  }

  it('holds a row a clip, with null where the clip lacks the modality', async () => {
    const store = openStore(`file:${folder}`);
    await writeFeatures(store, 'features/train.arrow', batches());
    const table = tableFromIPC(await store.get('features/train.arrow'));
    expect(table.schema.fields.map(String)).toEqual([
      'clip_id: Utf8',
      'label: Int32',
      'predicted: Int32',
      'z_audio: FixedSizeList[2]<Float32>',
      'z_fused: FixedSizeList[3]<Float32>',
    ]);
    const rows = table.toArray().map((row: { toJSON(): Record<string, unknown> }) => row.toJSON());
    expect(rows.map((row) => row['clip_id'])).toEqual(['clip-0', 'clip-1', 'clip-2', 'clip-3']);
    expect(
      rows.map((row) => (row['z_audio'] === null ? null : [...(row['z_audio'] as Iterable<number>)])),
    ).toEqual([[1, 2], null, [1, 2], null]);
    expect([...(rows[3]?.['z_fused'] as Iterable<number>)]).toEqual([4, 5, 6]);
  });

  it('leaves nothing behind when it is broken off', async () => {
    const store = openStore(`file:${folder}`);
    async function* broken(): AsyncGenerator<FeatureRows> {
      yield* batches();
      throw new Error('broken off');
    }
    await expect(writeFeatures(store, 'features/train.arrow', broken())).rejects.toThrow('broken off');
    expect(await store.list('')).toEqual([]);
    expect(await readdir(join(folder, '.tmp'))).toEqual([]);
  });

  it('of layouts reads back as it was written', () => {
    const points = [
      { clipId: 'a', split: 'train', label: 0, space: 'audio', x: 1.5, y: -2 },
      { clipId: 'b', split: 'test', label: 1, space: 'fused', x: 0, y: 0.25 },
    ];
    expect(decodeUmap(encodeUmap(points), 'umap.arrow')).toEqual(points);
    expect(decodeUmap(encodeUmap([]), 'umap.arrow')).toEqual([]);
  });
});
