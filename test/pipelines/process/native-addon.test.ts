/** Our own addons where they are missing or broken: the work goes on, and somebody is told why. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { nativeAddon } from '../../../pipelines/process/native-addon.ts';

const FACTS = { setup: 'npm run setup', without: 'it is done slower' };

afterEach(() => {
  vi.restoreAllMocks();
});

/** What is written to the standard error. */
function listen(): string[] {
  const told: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    told.push(String(text));
    return true;
  });
  return told;
}

test('one that is not compiled is told once, by name, with its consequence and the command', () => {
  const told = listen();
  const addon = nativeAddon('no_such_addon', FACTS);
  expect(addon.load()).toBeUndefined();
  expect(addon.load()).toBeUndefined();
  const problem = 'the addon no_such_addon is not compiled; run "npm run setup"';
  expect(told).toEqual([`warning: it is done slower: ${problem}\n`]);
  expect(addon.problem()).toBe(problem);
});

test('one that is no library is told with the reason of the system', async () => {
  const told = listen();
  const folder = await mkdtemp(join(tmpdir(), 'modalmix-addon-'));
  await writeFile(join(folder, 'broken.node'), 'no library');
  const place = relative(dirname(nativeAddon('any', FACTS).path), join(folder, 'broken'));
  expect(nativeAddon(place, FACTS).load()).toBeUndefined();
  await rm(folder, { recursive: true });
  expect(told.join('')).toMatch(/cannot be loaded \(.*broken\.node.*\); run "npm run setup"/u);
});

test('one that is made for other systems is no cause for a warning', () => {
  const told = listen();
  const addon = nativeAddon('no_such_addon', { ...FACTS, platforms: ['aix'] });
  expect(addon.load()).toBeUndefined();
  expect(addon.problem()).toBe('the addon no_such_addon is made for aix only');
  expect(told).toEqual([]);
});
