/**
 * Memory and time of publishing a version of very many shards: `tsx bench/sizing/publish-memory.ts [shards] [folder]`. The
 * entries are made up; manifest, parts and quarantine are written as always. Then, in a process of its own, the manifest is read
 * whole, as training does. Needs about 1.2 KB of disk a shard, which are freed at the end.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { peakMemoryMiB } from '../../pipelines/process/peak-memory.ts';
import { loadManifest } from '../../pipelines/shards/manifest/load-manifest.ts';
import { writeVersion } from '../../pipelines/shards/manifest/merge-shards.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { extractionConfigSchema } from '../../schemas/config/extraction-config.ts';
import type { ShardEntry } from '../../schemas/manifest.ts';
import { storePaths } from '../../schemas/names.ts';

const CLASSES = 10;
const CLIPS_PER_SHARD = 98;
const MIB = 2 ** 20;
const NAME = 'many';
const VERSION = '0123456789abcdef';

function* madeUpEntries(shards: number): Generator<ShardEntry> {
  for (let i = 0; i < shards; i += 1) {
    const sha256 = createHash('sha256').update(String(i)).digest('hex');
    const [split, key] = [i % 10 === 0 ? 'test' : 'train', sha256.slice(0, 32)] as const;
    const path = storePaths.shard(NAME, split, key);
    const channels = (count: number) => ({
      count: 1e6,
      sum: Array.from({ length: count }, (_, channel) => (i + channel) * 1.1),
      sumOfSquares: Array.from({ length: count }, (_, channel) => (i + channel) * 2.3),
    });
    yield {
      ...{ path, split, key, rows: CLIPS_PER_SHARD, bytes: CLIPS_PER_SHARD * MIB, sha256 },
      classCounts: Array.from({ length: CLASSES }, (_, label) => (label < 8 ? 10 : 9)),
      missingCounts: { audio: 0, rgb: 0 },
      sums: { audio: channels(1), rgb: channels(3) },
      quarantined: [],
    };
  }
}

async function publish(storeUri: string, shards: number): Promise<object> {
  const nothing = { count: 0, examples: [] };
  const clips = shards * CLIPS_PER_SHARD;
  const { clips: published } = await writeVersion(
    openStore(storeUri),
    {
      ...{ name: NAME, version: VERSION, extractorVersion: 'none/1' },
      classNames: Array.from({ length: CLASSES }, (_, label) => `class ${String(label)}`),
      extraction: extractionConfigSchema.parse({}),
      index: {
        ...{ format: 'made up', splitRule: 'one of ten', listed: clips, found: clips, notes: [] },
        ...{ listedMissing: nothing, unlisted: nothing },
      },
    },
    madeUpEntries(shards),
  );
  return { clips: published };
}

async function load(storeUri: string): Promise<object> {
  const { shards } = await loadManifest(openStore(storeUri), NAME, VERSION);
  return { shards: shards.length };
}

/** In a process of its own, so that its peak is its own. */
function measured(step: 'publish' | 'load', storeUri: string, shards: number): void {
  const child = spawnSync(
    process.execPath,
    [...process.execArgv, fileURLToPath(import.meta.url), step, storeUri, String(shards)],
    { stdio: 'inherit' },
  );
  if (child.status !== 0) throw new Error(`${step} ended with ${String(child.status)}`);
}

const [first = '102041', second, third = ''] = process.argv.slice(2);
if (first === 'publish' || first === 'load') {
  const startedAt = performance.now();
  const found = first === 'publish' ? await publish(second!, Number(third)) : await load(second!);
  const seconds = (performance.now() - startedAt) / 1_000;
  const peakRssMiB = peakMemoryMiB();
  process.stdout.write(`${JSON.stringify({ step: first, ...found, seconds, peakRssMiB })}\n`);
} else {
  const scratch = await mkdtemp(join(second ?? tmpdir(), 'modalmix-publish-'));
  try {
    for (const step of ['publish', 'load'] as const) measured(step, `file:${scratch}`, Number(first));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
