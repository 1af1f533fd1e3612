/** A stream on the page: with the real broker, real workers, and a registry that follows it. */
import type { ChildProcess } from 'node:child_process';
import { rm } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchBrowser, overflowPx } from '../../bench/harness/browser.ts';
import { keepStream } from '../../infra/supervisor/kept-streams.ts';
import { createExtractor } from '../../pipelines/extraction/create-extractor.ts';
import { addAnswerWindow } from '../../pipelines/models/answer-windows.ts';
import { recordText } from '../../pipelines/models/records.ts';
import { moveCurrent, registerVersion } from '../../pipelines/models/registry.ts';
import { ensureTopics } from '../../pipelines/streaming/kafka/topics.ts';
import { clipEventsOf, sendClipEvents } from '../../pipelines/streaming/send-clips.ts';
import { storePaths } from '../../schemas/names.ts';
import { dayOf, newVersion, windowOf } from '../pipelines/models/made-up-history.ts';
import { brokerOfFile, createStream, endWorker, type StreamFixture } from '../support/stream-fixture.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';
import { probeUi, watchedPage, wrongs, type UiProbe } from './support.ts';

const PATIENCE_MS = 180_000;
const PARTITIONS = 4;

const broker = brokerOfFile(PATIENCE_MS);
let clips: string;
let stream: StreamFixture;
let probe: UiProbe;
let browser: Browser;
let page: Page;
const complaints: string[] = [];
const workers: ChildProcess[] = [];

const shown = () => page.getByRole('region', { name: 'Stream of watched', exact: true });
const told = async (text: string | RegExp) =>
  await shown().getByText(text).first().waitFor({ timeout: PATIENCE_MS });
/** Of each partition: done, end, behind. */
async function partitions(step: string): Promise<number[][]> {
  const rows = await shown()
    .getByRole('row')
    .filter({ has: page.getByRole('rowheader', { name: step, exact: true }) })
    .all();
  return await Promise.all(
    rows.map(async (row) => (await row.getByRole('cell').allInnerTexts()).slice(2, 5).map(Number)),
  );
}
const sum = (rows: number[][], column: number) => rows.reduce((all, row) => all + row[column]!, 0);

beforeAll(async () => {
  clips = await makeTinyClips({ clipsPerClass: 4 });
  stream = await createStream(broker.home, 'watched', clips, await createExtractor(console.warn));
  const { target } = stream.settings;
  // With the topic of answers, as the first predict worker makes it.
  const topics = await ensureTopics(await stream.connection(), target.stream, undefined, true);
  const events = await clipEventsOf(clips, ['high', 'low']);
  const gone = events.map((event, i) => (i === 0 ? { ...event, uri: `${event.uri}.gone` } : event));
  await sendClipEvents(await stream.connection(), topics, gone);
  keepStream('watched', { configFile: stream.configFile, ingest: 1, since: new Date().toISOString() });
  probe = await probeUi({ storeUri: stream.store.uri });
  browser = await launchBrowser();
  page = await watchedPage(browser, probe, complaints, { width: 1280 });
  await page.evaluate('location.hash = "/streams"');
}, PATIENCE_MS);
afterAll(async () => {
  await Promise.all(workers.map(async (worker) => await endWorker(worker, 'SIGTERM')));
  await browser.close();
  await probe.ui.close();
  await rm(clips, { recursive: true, force: true });
}, PATIENCE_MS);

it(
  'shows by partition what waits while no worker is there',
  async () => {
    await told('into watched, ingest 8 behind, sink 0 behind, predict 0 behind');
    const waiting = await partitions('ingest');
    expect(waiting).toHaveLength(PARTITIONS);
    expect(sum(waiting, 2)).toBe(8);
    for (const [done, end, behind] of waiting) expect(behind).toBe(end! - done!);
  },
  PATIENCE_MS,
);

it(
  'counts up by itself as workers work: clips, a dead letter with its reason, and what waits for an answer',
  async () => {
    workers.push(stream.start('ingest'), stream.start('sink'));
    await told(/ingest 0 behind, sink 0 behind/u);
    // From outside each time: within the page its policy lets no text be run as a script.
    const hasRows = async () =>
      await page.evaluate<boolean>(
        `[...document.querySelectorAll('dl.facts div')].some((one) => one.innerText.replaceAll(/\\s+/g, ' ') === 'rows 7')`,
      );
    await expect.poll(hasRows, { timeout: PATIENCE_MS }).toBe(true);
    // Nobody has answered any of the rows.
    const unanswered = await partitions('predict');
    expect(unanswered).toHaveLength(PARTITIONS);
    expect(sum(unanswered, 2)).toBe(sum(unanswered, 1) - sum(unanswered, 0));
    expect(sum(unanswered, 2)).toBeGreaterThanOrEqual(7);
    await shown().getByText('Dead letters', { exact: true }).click();
    const letter = shown().locator('ul.letters li');
    await letter.first().waitFor();
    expect(await letter.count()).toBe(1);
    expect(await letter.innerText()).toMatch(/watched\.clips\/\d\/\d+ missing-file .*\.mp4/u);
  },
  PATIENCE_MS,
);

it(
  'names the model that follows: its windows, its answers by version, and their alarms',
  async () => {
    const { store } = stream;
    await registerVersion(store, newVersion('watched', 'watched-first'), dayOf(1));
    await moveCurrent(store, { model: 'watched', to: 1, by: 'first', reason: 'the first', now: dayOf(1) });
    await store.create(storePaths.retrainWindow('watched', 1), recordText(windowOf('watched', 1)));
    for (const version of [1, 1, 2]) {
      await addAnswerWindow(store, {
        ...{ model: 'watched', version, from: dayOf(2).toISOString(), to: dayOf(3).toISOString() },
        ...{ answers: 200, confidence: 0.9, entropy: 0.2, classDistance: 0.3 },
        ...{ classShares: { even: 1 }, trainingShares: { even: 0.7, odd: 0.3 }, labelled: { answers: 0 } },
        alarms:
          version === 1 ? [] : [{ kind: 'classes', value: 0.3, limit: 0.2, message: 'the classes moved' }],
      });
    }
    await told('watched, version 1 is current');
    await told(/118 clips, closed .* \(clips\)/u);
    await told(/400 by version 1, 200 by version 2; window 3 .*confidence 90\.0 %/u);
    await told('the classes moved');
  },
  PATIENCE_MS,
);

it(
  'fits both widths, and is told by a screen reader',
  async () => {
    for (const width of [390, 1280]) {
      await page.setViewportSize({ width, height: 844 });
      expect(await overflowPx(page)).toBeLessThanOrEqual(0);
      expect(await wrongs(page)).toEqual([]);
    }
    expect(complaints).toEqual([]);
  },
  PATIENCE_MS,
);
