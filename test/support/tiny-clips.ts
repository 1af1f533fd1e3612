/** A folder of tiny clips that a tiny model can tell apart: real files, made by ffmpeg, one folder a class. */
import { mkdir, mkdtemp } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import pLimit from 'p-limit';
import { ffmpegPath } from '../../pipelines/process/ffmpeg-path.ts';

/** Each has its tone and its colour. */
const CLASSES = [
  { name: 'high', toneHz: 1_500, colour: 'red' },
  { name: 'low', toneHz: 300, colour: 'blue' },
] as const;

export interface TinyClipsOptions {
  readonly clipsPerClass?: number;
  /** Share of them in `test/`. */
  readonly testShare?: number;
}

/** @returns the folder: `train/<class>/*.mp4` and `test/<class>/*.mp4`, one second each, 64 × 48 */
export async function makeTinyClips(options: TinyClipsOptions = {}): Promise<string> {
  const { clipsPerClass = 18, testShare = 1 / 3 } = options;
  const folder = await mkdtemp(join(tmpdir(), 'modalmix-clips-'));
  const limit = pLimit(availableParallelism());
  await Promise.all(
    CLASSES.flatMap(({ name, toneHz, colour }) =>
      Array.from({ length: clipsPerClass }, async (_, index) => {
        const split = index < Math.round(testShare * clipsPerClass) ? 'test' : 'train';
        const file = join(folder, split, name, `${name}-${String(index).padStart(3, '0')}.mp4`);
        await mkdir(join(folder, split, name), { recursive: true });
        await limit(async () => await makeClip(file, toneHz + 7 * index, colour, index));
      }),
    ),
  );
  return folder;
}

async function makeClip(file: string, toneHz: number, colour: string, seed: number): Promise<void> {
  await execa(ffmpegPath(), [
    ...['-nostdin', '-loglevel', 'error', '-y'],
    ...[
      '-f',
      'lavfi',
      '-i',
      `color=${colour}:size=64x48:rate=5:duration=1,noise=alls=20:all_seed=${String(seed)}`,
    ],
    ...['-f', 'lavfi', '-i', `sine=frequency=${String(toneHz)}:sample_rate=8000:duration=1`],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'aac', file],
  ]);
}
