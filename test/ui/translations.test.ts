/** Files that no browser plays: several who ask for one share its translation, and it ends when all of them have gone. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Translations } from '../../ui/server/dataset/translations.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';

let clips: string;
let file: string;
beforeAll(async () => {
  clips = await makeTinyClips({ clipsPerClass: 1, testShare: 0 });
  file = join(clips, 'train/high/high-000.mp4');
});
afterAll(async () => {
  await rm(clips, { recursive: true, force: true });
});

it('who stays gets it, though who asked first has gone', async () => {
  const translations = new Translations();
  const [first, second] = [new AbortController(), new AbortController()];
  const [gone, stays] = [translations.get(file, {}, first.signal), translations.get(file, {}, second.signal)];
  first.abort();
  const bytes = await stays;
  expect(bytes.subarray(4, 8).toString()).toBe('ftyp');
  // The same bytes, not made anew.
  expect(await translations.get(file, {}, second.signal)).toBe(bytes);
  expect(await gone).toBe(bytes);
});

it('it ends when nobody waits, and who comes then gets it', async () => {
  const translations = new Translations();
  const asked = [0.1, 0.2, 0.3].map((startS) => {
    const request = new AbortController();
    return { request, made: translations.get(file, { startS }, request.signal) };
  });
  const ended = Promise.allSettled(asked.map(async ({ made }) => await made));
  for (const { request } of asked) request.abort();
  const again = await translations.get(file, { startS: 0.3 }, new AbortController().signal);
  expect(again.subarray(4, 8).toString()).toBe('ftyp');
  expect((await ended).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
});
