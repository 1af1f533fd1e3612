/** Real clips in folders by split and class, many of them quickly: a few are rendered, the others are copies with other hashes. */
import { appendFileSync, copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { renderClip } from './render-clip.ts';

const DISTINCT = 12;

/** 480 × 360, 3 s, h264 and aac; a third of them to test with. */
export async function makeClips(folder: string, count: number): Promise<void> {
  const pathOf = (n: number) =>
    join(folder, n % 6 < 2 ? 'test' : 'train', n % 2 ? 'a' : 'b', `${String(n)}.mp4`);
  for (const name of ['test/a', 'test/b', 'train/a', 'train/b'])
    mkdirSync(join(folder, name), { recursive: true });
  for (let n = 0; n < count; n += 1) {
    if (n < DISTINCT)
      await renderClip(pathOf(n), {
        picture: `testsrc2=size=480x360:rate=25:duration=3,hue=h=${String(15 * n)}`,
        sound: `sine=frequency=${String(200 + 40 * n)}:sample_rate=44100:duration=3`,
        encoding: ['-preset', 'medium', '-crf', '23', '-g', '250', '-b:a', '96k'],
      });
    else {
      copyFileSync(pathOf(n % DISTINCT), pathOf(n));
      // A box that readers skip: the file's hash is another.
      appendFileSync(pathOf(n), Buffer.from([0, 0, 0, 12, 102, 114, 101, 101, n >> 24, n >> 16, n >> 8, n]));
    }
  }
}
