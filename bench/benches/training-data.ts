/** A published dataset of noise in the sizes that the method's paper trains on, for measuring steps. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExtractedClip, Extractor } from '../../pipelines/extraction/extractor.ts';
import { randomGenerator } from '../../pipelines/random/generator.ts';
import { buildShard } from '../../pipelines/shards/write/build-shard.ts';
import { planRebuild } from '../../pipelines/shards/plan/plan-rebuild.ts';
import { publishManifest } from '../../pipelines/shards/publish-manifest.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import type { Clip, Split } from '../../schemas/clip.ts';
import { extractionConfigSchema } from '../../schemas/config/extraction-config.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';

export const CLASS_NAMES = ['anger', 'disgust', 'fear', 'happiness', 'neutral', 'sadness'] as const;
const AUDIO = [257, 188] as const;
/** As stored: the reader crops 224 × 224 of it. */
const RGB = [256, 341, 3] as const;

/** Clips of a class are alike. */
function noiseOf(frames: number): Extractor {
  const shape = [frames, ...RGB] as const;
  const made = new Map<number, ExtractedClip>();
  const make = (label: number): ExtractedClip => {
    const random = randomGenerator(0, 'bench/noise', 0, label);
    const audio = Float32Array.from({ length: AUDIO[0] * AUDIO[1] }, () => 4 * random.uniform() - 6);
    const length = shape.reduce((product, size) => product * size, 1);
    const rgb = Uint8Array.from({ length }, () => 256 * random.uniform());
    return { audio: { data: audio, shape: AUDIO }, rgb: { data: rgb, shape }, missing: {} };
  };
  return {
    version: 'noise-1',
    extract: (clip) => {
      const clipOfLabel = made.get(clip.label) ?? make(clip.label);
      made.set(clip.label, clipOfLabel);
      return Promise.resolve(clipOfLabel);
    },
  };
}

/**
 * @param clips to train on; a few more to judge
 * @param frames of each clip
 */
export async function publishNoise(
  folder: string,
  clips: number,
  frames = 1,
): Promise<{ storeUri: string; manifest: DatasetManifest }> {
  const storeUri = `file:${join(folder, 'store')}`;
  const store = openStore(storeUri);
  const noise = noiseOf(frames);
  const sources = join(folder, 'clips');
  mkdirSync(sources, { recursive: true });
  const splits: Split[] = [...Array<Split>(clips).fill('train'), ...Array<Split>(2).fill('test')];
  const listed = splits.map((split, i): Clip => {
    const path = join(sources, `${String(i)}.bin`);
    writeFileSync(path, String(i));
    const clipId = `clip-${String(i).padStart(4, '0')}`;
    return { clipId, path, label: i % CLASS_NAMES.length, split, group: `speaker ${String(i % 3)}` };
  });
  const nothing = { count: 0, examples: [] };
  const plan = await planRebuild({
    store,
    name: 'noise',
    index: {
      classNames: [...CLASS_NAMES],
      clips: listed,
      report: {
        format: 'folder',
        splitRule: 'the bench’s',
        listed: clips,
        found: clips,
        listedMissing: nothing,
        unlisted: nothing,
        notes: [],
      },
    },
    extraction: extractionConfigSchema.parse({ video: { frames } }),
    extractorVersion: noise.version,
  });
  const dataset = { store, name: 'noise', version: plan.version };
  for (const shardIndex of plan.shardsToBuild) await buildShard({ ...dataset, shardIndex, extractor: noise });
  return { storeUri, manifest: await publishManifest(dataset) };
}
