/** What a server keeps of uploads: whole ones until they are answered, of broken-off ones nothing. */
import { mkdtemp, readFile, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Refused } from '../../../infra/serving/refused.ts';
import { requestedClips, type ClipSource } from '../../../infra/serving/requested-clips.ts';

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'modalmix-uploads-'));
});
afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

const source = (): ClipSource => ({
  scratch,
  roots: [],
  limits: {
    ...{ bodyBytes: 2 ** 20, clipBytes: 2 ** 20, clipsPerRequest: 2, requestMs: 1_000 },
    requestsInFlight: 1,
  },
});
const TYPE = 'multipart/form-data; boundary=b';
const part = (name: string) =>
  Buffer.from(`--b\r\nContent-Disposition: form-data; name="clip"; filename="${name}"\r\n\r\n`);

/** Files of the folder that this process holds open, deleted ones too (proc_pid_fd(5)). */
async function openFiles(): Promise<string[]> {
  const numbers = await readdir('/proc/self/fd');
  const targets = await Promise.all(
    numbers.map(async (number) => await readlink(`/proc/self/fd/${number}`).catch(() => '')),
  );
  return targets.filter((target) => target.startsWith(scratch));
}

it.skipIf(process.platform !== 'linux')(
  'a broken-off upload leaves neither a file nor an open one, whose place on the disk would stay taken',
  async () => {
    let openMeanwhile = 0;
    const bodies: readonly [string, () => AsyncGenerator<Uint8Array>][] = [
      [
        'aborted',
        async function* () {
          yield part('a.mp4');
          yield Buffer.alloc(2 ** 16);
          openMeanwhile = (await openFiles()).length;
          throw new Refused(400, 'aborted', 'the body did not come to its end');
        },
      ],
      [
        'multipart',
        async function* () {
          yield part('a.mp4');
          yield Buffer.alloc(2 ** 16);
        },
      ],
      [
        'too-large',
        async function* () {
          yield part('a.mp4');
          for (let n = 0; n < 20; n += 1) yield Buffer.alloc(2 ** 16);
        },
      ],
    ];
    for (const [code, body] of bodies) {
      await expect(requestedClips(TYPE, body(), source())).rejects.toMatchObject({ code });
      expect([await readdir(scratch), await openFiles()]).toEqual([[], []]);
    }
    expect(openMeanwhile).toBe(1);
  },
);

it('an upload is stored byte for byte, in pieces as they come, until it is released', async () => {
  const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, n) => (n * 7919) % 251));
  const body = Buffer.concat([part('a.mp4'), bytes, Buffer.from('\r\n--b--')]);
  const pieces = async function* () {
    for (let at = 0; at < body.length; at += 12_345) yield body.subarray(at, at + 12_345);
  };
  const { clips, release } = await requestedClips(TYPE, pieces(), source());
  const [clip] = clips;
  if (clip === undefined || !('path' in clip)) throw new Error('it was not stored');
  expect((await readFile(clip.path)).equals(bytes)).toBe(true);
  await release();
  expect(await readdir(scratch)).toEqual([]);
});
