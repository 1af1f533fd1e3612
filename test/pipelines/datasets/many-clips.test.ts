/** A table of more clips than are kept in memory is the index that it is in memory. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { compareText } from '../../../pipelines/datasets/list-files.ts';
import { indexDataset, streamDataset } from '../../../pipelines/datasets/index-dataset.ts';
import { randomGenerator } from '../../../pipelines/random/generator.ts';
import { datasetConfigSchema, type DatasetConfig } from '../../../schemas/config/dataset-config.ts';
import type { StreamedIndex } from '../../../pipelines/datasets/clip-stream.ts';
import type { Clip, DatasetIndex } from '../../../schemas/clip.ts';
import { ModalmixError } from '../../../schemas/errors.ts';

const TABLES = 12;
const FEW = 7;
const folder = mkdtempSync(join(tmpdir(), 'modalmix-test-'));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Clips listed twice, for two splits or with two labels; pieces of files; files that are missing; groups and none. */
function makeTable(seed: number): DatasetConfig {
  const draw = randomGenerator(seed, 'table');
  const pick = <T>(from: readonly T[]): T => from[draw.integer(from.length)]!;
  const chance = (share: number) => draw.uniform() < share;
  const root = join(folder, String(seed));
  mkdirSync(root);
  const files = Array.from({ length: 8 + draw.integer(30) }, (_, i) => `v_${String(i)}_é.mp4`);
  for (const file of files) if (chance(0.9)) writeFileSync(join(root, file), 'x');
  writeFileSync(join(root, 'unlisted.mp4'), 'x');
  const cells: Record<string, () => string> = {
    path: () => pick(files),
    label: () => pick(['a', 'b', 'e\u0301', 'é']),
  };
  const hasSplits = chance(0.5);
  if (hasSplits) cells['split'] = () => pick(['train', 'train', 'test', ...(seed % 5 === 0 ? ['val'] : [])]);
  if (chance(0.4)) cells['group'] = () => pick(['', ...files.map((file) => `by ${file}`)]);
  if (chance(0.5)) cells['id'] = () => `id ${String(draw.integer(150))}`;
  if (chance(0.6)) cells['start'] = () => String(draw.integer(20));
  if (chance(0.3)) cells['audio_path'] = () => pick(['', 'gone.wav', files[0]!]);
  if (chance(0.3)) cells['features:clip'] = () => pick(['', files[1]!, 'gone.npy']);
  const columns = Object.keys(cells);
  const rows = Array.from({ length: 120 }, () => columns.map((name) => cells[name]!()).join(','));
  const file = join(root, 'table.csv');
  writeFileSync(file, [columns.join(','), ...rows, ''].join('\n'));
  return datasetConfigSchema.parse({
    ...{ format: 'csv', file, root, validationShare: pick([0, 0.1, 0.3]) },
    ...(hasSplits ? {} : { testShare: 0.3 }),
  });
}

/** Clips sorted, as often as they are read; or the error. */
async function outcome(index: () => Promise<DatasetIndex | StreamedIndex>): Promise<unknown> {
  try {
    const { clips, ...facts } = await index();
    if (!('blocks' in clips)) return { ...facts, clips };
    const passes: Clip[][] = [];
    for (let pass = 0; pass < 2; pass += 1) {
      const all: Clip[] = [];
      for await (const block of clips.blocks()) all.push(...block);
      passes.push(all.sort((a, b) => compareText(a.clipId, b.clipId)));
    }
    expect(passes[1]).toEqual(passes[0]);
    expect(clips.count).toBe(passes[0]!.length);
    return { ...facts, clips: passes[0] };
  } catch (error) {
    if (!(error instanceof ModalmixError)) throw error;
    return [error.message, error.where, error.fix];
  }
}

test('with scratch files as in memory', async () => {
  let indexed = 0;
  for (let seed = 0; seed < TABLES; seed += 1) {
    const config = makeTable(seed);
    const inMemory = await outcome(() => indexDataset(config));
    const scratch = join(folder, `scratch-${String(seed)}`);
    expect(await outcome(() => streamDataset(config, {}, { folder: scratch, held: FEW }))).toEqual(inMemory);
    if (!Array.isArray(inMemory)) {
      indexed += 1;
      expect(readdirSync(scratch).sort()).toEqual(['listed-by-id', 'paths', 'usable']);
    }
  }
  expect(indexed).toBeGreaterThan(TABLES / 2);
});
