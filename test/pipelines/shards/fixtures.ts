/** Real clips, made by ffmpeg, and a dataset of them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { extractionConfigSchema, type ExtractionConfig } from '../../../schemas/config/extraction-config.ts';
import type { Clip, DatasetIndex, Split } from '../../../schemas/clip.ts';
import type { DatasetManifest } from '../../../schemas/manifest.ts';
import type { Extractor } from '../../../pipelines/extraction/extractor.ts';
import { buildShard } from '../../../pipelines/shards/write/build-shard.ts';
import { planRebuild, type ShardPlan } from '../../../pipelines/shards/plan/plan-rebuild.ts';
import { publishManifest } from '../../../pipelines/shards/publish-manifest.ts';
import type { Store } from '../../../pipelines/store/store.ts';

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'modalmix-test-'));
}

export function ffmpeg(...args: string[]): void {
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args]);
}

/** One second of h264 and aac; the tone and the picture follow from `i`. */
export function makeClip(file: string, i: number): string {
  ffmpeg(
    ...['-f', 'lavfi', '-i', `testsrc2=size=64x48:rate=10:duration=1,hue=h=${String(i * 30)}`],
    ...['-f', 'lavfi', '-i', `sine=frequency=${String(200 + 50 * i)}:sample_rate=22050:duration=1`],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'aac', file],
  );
  return file;
}

/** About 12 KB a row, and at most a handful of rows a shard. */
export function smallExtraction(changes: Record<string, unknown> = {}): ExtractionConfig {
  return extractionConfigSchema.parse({
    audio: { sampleRateHz: 8000, nFft: 128, hop: 400, durationS: 1 },
    video: { fps: 2, frames: 2, shortSide: 32 },
    shard: { targetMiB: 0.06 },
    ...changes,
  });
}

export function clipOf(path: string, i: number, split: Split): Clip {
  return {
    clipId: `clip-${String(i).padStart(3, '0')}`,
    path,
    label: i % 2,
    split,
    group: `speaker ${String(i % 3)}`,
  };
}

export function indexOf(
  clips: readonly Clip[],
  classNames: readonly string[] = ['even', 'odd'],
): DatasetIndex {
  const nothing = { count: 0, examples: [] };
  return {
    classNames: [...classNames],
    clips: [...clips].sort((a, b) => (a.clipId < b.clipId ? -1 : 1)),
    report: {
      format: 'folder',
      splitRule: 'as the test says',
      listed: clips.length,
      found: clips.length,
      listedMissing: nothing,
      unlisted: nothing,
      notes: [],
    },
  };
}

export interface Rebuilt {
  readonly plan: ShardPlan;
  readonly manifest: DatasetManifest;
}

export async function rebuild(
  store: Store,
  clips: readonly Clip[],
  extraction: ExtractionConfig,
  extractor: Extractor,
  classNames?: readonly string[],
): Promise<Rebuilt> {
  const name = 'test';
  const plan = await planRebuild({
    store,
    name,
    index: indexOf(clips, classNames),
    extraction,
    extractorVersion: extractor.version,
  });
  for (const shardIndex of plan.shardsToBuild) {
    await buildShard({ store, name, version: plan.version, shardIndex, extractor });
  }
  return { plan, manifest: await publishManifest({ store, name, version: plan.version }) };
}
