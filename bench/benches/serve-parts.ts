/** What the bench of the service needs: a served model with its weights for the peer, clips, and whoever asks. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { z } from 'zod';
import { runExport } from '../../pipelines/export/run-export.ts';
import { createExtractor } from '../../pipelines/extraction/create-extractor.ts';
import type { ExtractedClip } from '../../pipelines/extraction/extractor.ts';
import { chooseModel } from '../../pipelines/models/choose-model.ts';
import { extractFile, extractionFor } from '../../pipelines/prediction/extract-file.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { runConfigSchema } from '../../schemas/config/config.ts';
import type { ChosenModel } from '../../schemas/prediction.ts';
import { makeModel } from '../harness/make-model.ts';
import { renderClip } from '../harness/render-clip.ts';

const CLASSES = ['a', 'b'] as const;
const CLIPS_A_CLASS = { train: 3, test: 1 } as const;

/** A clip as a request has it, and what is extracted of it. */
export interface BenchClip {
  readonly body: Buffer;
  readonly extracted: ExtractedClip;
  /** The numbers of `extracted` in files, for a peer. */
  readonly files: {
    readonly audio: string;
    readonly audioShape: readonly number[];
    readonly rgb: string;
    readonly rgbShape: readonly number[];
  };
}

export interface ServedModel {
  readonly store: Store;
  /** Of the registry. */
  readonly name: string;
  readonly chosen: ChosenModel;
  /** Its weights, as `modalmix export --format safetensors` writes them. */
  readonly exported: string;
  readonly clips: readonly BenchClip[];
  /** Where they lie, in the folder of all. */
  readonly paths: readonly string[];
  readonly clipFolder: string;
}

/**
 * ResNet-18s for sound and pictures that were trained for an epoch on a handful of clips, at the default extraction.
 *
 * @param folder where all of it goes
 * @param width of the encoders' first stage; 64 is the network as published
 */
export async function makeServedModel(folder: string, width: number): Promise<ServedModel> {
  const clipFolder = join(folder, 'clips');
  const paths = await makeClips(clipFolder);
  const store = openStore(`file:${join(folder, 'store')}`);
  const name = `width-${String(width)}`;
  const config = runConfigSchema.parse({
    name,
    dataset: { format: 'folder', root: clipFolder, validationShare: 0 },
    training: {
      ...{ methods: ['joint'], seeds: [0], epochs: 1, batchSize: CLASSES.length * CLIPS_A_CLASS.train },
      ...{ encoder: { width }, threads: availableParallelism() },
    },
  });
  const extractor = await createExtractor((text) => process.stderr.write(`${text}\n`));
  const { manifest, specs } = await makeModel(store, config, extractor, name);
  const chosen = await chooseModel(store, { model: name });
  const exported = join(folder, 'export');
  await runExport({ storeUri: store.uri, chosen, format: 'safetensors', folder: exported });
  const clips: BenchClip[] = [];
  for (const [place, path] of paths.entries()) {
    const file = await extractFile(extractor, path, extractionFor(specs[0]!, manifest));
    if ('problem' in file) throw new Error(`${path}: ${file.problem.reason}`);
    clips.push(await benchClip(path, file.clip, join(folder, String(place))));
  }
  return { store, name, chosen, exported, clips, paths, clipFolder };
}

async function benchClip(path: string, extracted: ExtractedClip, to: string): Promise<BenchClip> {
  const { audio, rgb } = extracted;
  if (audio === undefined || rgb === undefined) throw new Error(`${path} lacks sound or pictures`);
  const files = {
    ...{ audio: `${to}.audio`, audioShape: audio.shape },
    ...{ rgb: `${to}.rgb`, rgbShape: rgb.shape },
  };
  await writeFile(files.audio, audio.data);
  await writeFile(files.rgb, rgb.data);
  return { body: multipart(await readFile(path)), extracted, files };
}

async function makeClips(folder: string): Promise<string[]> {
  const wanted = Object.entries(CLIPS_A_CLASS).flatMap(([split, count]) =>
    CLASSES.flatMap((name, label) =>
      Array.from({ length: count }, (_, n) => ({ folder: join(folder, split, name), label, n })),
    ),
  );
  const limit = pLimit(availableParallelism());
  return await limit.map(wanted, async ({ folder: into, label, n }, place) => {
    await mkdir(into, { recursive: true });
    const path = join(into, `${String(place)}.mp4`);
    await renderClip(path, {
      picture: `testsrc2=size=480x360:rate=25:duration=3,hue=h=${String(90 * label + 15 * n)}`,
      sound: `sine=frequency=${String(300 + 900 * label + 50 * n)}:sample_rate=44100:duration=3`,
      encoding: ['-preset', 'veryfast'],
    });
    return path;
  });
}

const BOUNDARY = 'modalmix-bench';

/** Made once a clip: whoever asks shares the processor with who answers. */
function multipart(file: Buffer): Buffer {
  const head =
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="clip"; filename="clip.mp4"\r\n` +
    'Content-Type: video/mp4\r\n\r\n';
  return Buffer.concat([Buffer.from(head), file, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]);
}

const headSchema = z.object({ probabilities: z.array(z.number()) });
const answerSchema = z.union([
  z.object({ clips: z.tuple([z.object({ fused: headSchema })]) }).transform(({ clips }) => clips[0].fused),
  headSchema,
]);

/** @returns the probabilities of the clip's classes, by `modalmix serve` or the peer */
export async function askFor(url: string, { body }: BenchClip): Promise<readonly number[]> {
  const headers = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };
  const response = await fetch(`${url}/v1/predict`, { method: 'POST', headers, body });
  if (!response.ok) throw new Error(`${url}: ${String(response.status)} ${await response.text()}`);
  return answerSchema.parse(await response.json()).probabilities;
}
