/** A page that nobody sees asks for nothing, and is up to date when it is seen again. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchBrowser } from '../../bench/harness/browser.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import { probeUi, type UiProbe } from './support.ts';

const PATIENCE_MS = 60_000;

let folder: string;
let probe: UiProbe;
let browser: Browser;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-ui-hidden-'));
  process.env[ENVIRONMENT.home] = join(folder, 'home');
  probe = await probeUi({ storeUri: `file:${join(folder, 'store')}` });
  browser = await launchBrowser();
}, PATIENCE_MS);
afterAll(async () => {
  await browser.close();
  await probe.ui.close();
  await rm(folder, { recursive: true, force: true });
}, PATIENCE_MS);

it(
  'ends its line while it is hidden',
  async () => {
    const page = await browser.newPage();
    await page.addInitScript(`
      const Real = EventSource;
      window.lines = [];
      window.EventSource = class extends Real {
        constructor(address) { super(address); window.lines.push(this); }
      };
      window.EventSource.CLOSED = Real.CLOSED;
      window.seen = (visible) => {
        Object.defineProperty(document, 'hidden', { configurable: true, get: () => !visible });
        document.dispatchEvent(new Event('visibilitychange'));
      };`);
    // Asked from outside each time: within the page its policy lets no text be run as a script.
    const lines = async () =>
      await page.evaluate<number>('window.lines.filter(({ readyState }) => readyState === 1).length');
    const open = async (count: number) => {
      await expect.poll(lines, { timeout: PATIENCE_MS }).toBe(count);
    };
    await page.goto(probe.ui.url);
    await open(1);
    await page.evaluate('seen(false)');
    await open(0);
    // What is chosen meanwhile is not watched either.
    await page.evaluate('location.hash = "/streams"');
    await page.getByRole('heading', { name: 'Streams', level: 1 }).waitFor({ timeout: PATIENCE_MS });
    const before = await page.evaluate<number>('lines.length');
    await page.evaluate('seen(true)');
    await open(1);
    expect(await page.evaluate('lines.length')).toBe(before + 1);
    expect(await page.evaluate('lines.at(-1).url')).toContain('topic=streams');
  },
  2 * PATIENCE_MS,
);
