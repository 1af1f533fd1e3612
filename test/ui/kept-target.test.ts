/** A stream that is watched is polled for hours: nothing may be left behind at each look. */
import { rm } from 'node:fs/promises';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { runConfigSchema } from '../../schemas/config/config.ts';
import { keptTarget } from '../../ui/server/streams/kept-target.ts';
import { tinyConfig } from '../support/project.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';

async function children(): Promise<number> {
  const { stdout } = await execa('ps', ['-A', '-o', 'ppid=']);
  return stdout.split('\n').filter((line) => Number(line) === process.pid).length;
}

it('a target starts one extractor, and walks the dataset once', async () => {
  const clips = await makeTinyClips({ clipsPerClass: 3 });
  const config = runConfigSchema.parse(tinyConfig(clips, `${clips}/store`));
  const first = await keptTarget('watched', config);
  expect(first.classNames).toEqual(['high', 'low']);
  const after = await children();
  // Who walked it again would not find it.
  await rm(clips, { recursive: true });
  for (let look = 0; look < 3; look += 1) {
    expect(await keptTarget('watched', structuredClone(config))).toEqual(first);
  }
  const named = { ...config, dataset: { ...config.dataset, classes: ['low', 'high'] } };
  const other = await keptTarget('watched', runConfigSchema.parse(named));
  expect(other.classNames).toEqual(['low', 'high']);
  expect(other.extractorVersion).toBe(first.extractorVersion);
  expect(await children()).toBe(after);
});
