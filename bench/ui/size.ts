/**
 * The page at size: 1,000 runs in an embedded Temporal, 1 M steps of metrics (as 10,000 epochs, and as a line a step), and
 * 100,000 clips; how soon the page is there, and how long its answers take. `node --import tsx bench/ui/size.ts`
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import pLimit from 'p-limit';
import { stopSupervisor } from '../../infra/supervisor/supervise.ts';
import { connectTemporal } from '../../infra/temporal/ensure-temporal.ts';
import { protectedClient } from '../../infra/temporal/protection.ts';
import { mergeShards, writeManifest } from '../../pipelines/shards/manifest/merge-shards.ts';
import type { PlanLine } from '../../pipelines/shards/plan/plan-file.ts';
import { writePlan } from '../../pipelines/shards/plan/plan-writer.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { startOrJoin } from '../../runs/run-workflows.ts';
import { SPLITS } from '../../schemas/clip.ts';
import { extractionConfigSchema } from '../../schemas/config/extraction-config.ts';
import type { ShardEntry } from '../../schemas/manifest.ts';
import { ENVIRONMENT, storePaths } from '../../schemas/names.ts';
import { WORKFLOWS } from '../../schemas/workflows.ts';
import { launchBrowser } from '../harness/browser.ts';

const [RUNS, CLIPS, STEPS, SHARD_CLIPS, CLASSES] = [1_000, 100_000, 1_000_000, 500, 40];
const MODALMIX = fileURLToPath(new URL('../../cli/modalmix.mjs', import.meta.url));

const folder = await mkdtemp(join(tmpdir(), 'modalmix-ui-size-'));
process.env[ENVIRONMENT.home] = join(folder, 'home');
const store = openStore(`file:${join(folder, 'store')}`);
const figures: [string, number, string][] = [];

async function timed<T>(name: string, work: () => Promise<T>): Promise<T> {
  const from = performance.now();
  const value = await work();
  figures.push([name, performance.now() - from, 'ms']);
  return value;
}

async function makeMetrics(trainingId: string, lines: number): Promise<void> {
  const path = join(folder, 'store', storePaths.metrics(trainingId));
  await mkdir(join(path, '..'), { recursive: true });
  const parts: string[] = [];
  for (let i = 1; i <= lines; i += 1) {
    const loss = 2 * Math.exp((-6 * i) / lines) + Math.abs(Math.sin(i)) / 10;
    const scores = { loss, fused: 1 - loss / 4, branches: { audio: 1 - loss / 3, rgb: 1 - loss / 2.5 } };
    parts.push(
      JSON.stringify({
        ...{ epoch: i, step: (i * STEPS) / lines, learningRate: 1e-3, loss, train: scores, test: scores },
        ...{
          rho: { audio: 1 + loss / 9, rgb: 1 - loss / 9 },
          lambda: { audio: 0.5, rgb: 0.6 },
          seconds: 1,
          clipsPerS: 900,
          dataWaitShare: 0.01,
        },
      }),
    );
  }
  await writeFile(path, `${parts.join('\n')}\n`);
}

async function makeDataset(): Promise<string> {
  const extraction = extractionConfigSchema.parse({ modalities: ['audio', 'rgb'] });
  const classNames = Array.from({ length: CLASSES }, (_, k) => `class ${String(k)}`);
  const version = 'size';
  const lines: PlanLine[] = [];
  const entries: ShardEntry[] = [];
  for (let i = 0; i < CLIPS; i += SHARD_CLIPS) {
    const split = SPLITS[i % (10 * SHARD_CLIPS) === 0 ? 2 : 0];
    const key = createHash('sha256').update(String(i)).digest('hex').slice(0, 32);
    const clips = Array.from({ length: SHARD_CLIPS }, (_, j) => {
      const n = i + j;
      // One in fifty has the content of the one before it.
      const sourceSha256 = createHash('sha256')
        .update(String(n % 50 === 1 ? n - 1 : n))
        .digest('hex');
      return {
        clipId: `clip-${String(n).padStart(6, '0')}.mp4`,
        path: `/nowhere/clip-${String(n)}.mp4`,
        label: n % CLASSES,
        sourceSha256,
        stamps: [[1, 1]] as [number, number][],
      };
    });
    lines.push({ split, key, clips });
    const sums = { count: 1, sum: [1], sumOfSquares: [2] };
    entries.push({
      ...{
        path: storePaths.shard('size', split, key),
        split,
        key,
        rows: SHARD_CLIPS,
        bytes: 1,
        sha256: '0'.repeat(64),
      },
      classCounts: classNames.map((_, k) => clips.filter(({ label }) => label === k).length),
      missingCounts: {},
      sums: { audio: sums, rgb: { count: 1, sum: [1, 1, 1], sumOfSquares: [2, 2, 2] } },
      quarantined: [],
    });
  }
  const index = {
    format: 'folder',
    splitRule: 'made up',
    listed: CLIPS,
    found: CLIPS,
    listedMissing: { count: 0, examples: [] },
    unlisted: { count: 0, examples: [] },
    notes: [],
  };
  await writePlan(
    store,
    { name: 'size', version, classNames, extraction, extractorVersion: 'made-up', featureKey: 'size', index },
    lines,
  );
  await writeManifest(store, {
    formatVersion: 1,
    name: 'size',
    version,
    classNames,
    extraction,
    extractorVersion: 'made-up',
    ...mergeShards(entries, CLASSES, ['audio', 'rgb']),
    quarantine: [],
    index,
  });
  return version;
}

async function makeRuns(): Promise<void> {
  const { endpoint, connection } = await connectTemporal(60_000);
  const client = protectedClient(connection, endpoint);
  const limit = pLimit(8);
  await Promise.all(
    Array.from({ length: RUNS }, (_, i) =>
      limit(async () => {
        const runId = `size-${String(i).padStart(4, '0')}`;
        await startOrJoin(client, {
          type: WORKFLOWS.rebuildAndTrain,
          workflowId: runId,
          input: { runId, storeUri: store.uri },
        });
        await client.workflow.getHandle(runId).terminate();
      }),
    ),
  );
  await connection.close();
}

async function measurePage(url: string, hash: string, name: string, there: string): Promise<void> {
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
    const from = performance.now();
    await page.goto(`${url}${hash}`);
    await page.locator(there).first().waitFor({ state: 'attached', timeout: 120_000 });
    figures.push([`${name}: what it shows is there`, performance.now() - from, 'ms']);
    const paint = await page.evaluate<number>(
      `performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1`,
    );
    figures.push([`${name}: first contentful paint`, paint, 'ms']);
    figures.push([
      `${name}: elements of the page`,
      await page.evaluate<number>(`document.querySelectorAll('*').length`),
      '',
    ]);
  } finally {
    await browser.close();
  }
}

const say = (): void => {
  for (const [name, value, unit] of figures.splice(0))
    process.stdout.write(`${name.padEnd(52)} ${value.toFixed(unit === 'ms' ? 0 : 1)} ${unit}\n`);
};

const startUi = () =>
  execa(process.execPath, [MODALMIX, 'ui', '--store', store.uri, '--json'], { reject: false, buffer: false });
let command: ReturnType<typeof startUi> | undefined;
try {
  await makeMetrics('size-epochs', 10_000);
  await makeMetrics('size-lines', STEPS);
  const version = await makeDataset();
  await makeRuns();
  figures.push(['load of the machine', loadavg()[0] ?? 0, '']);
  const from = performance.now();
  command = startUi();
  const { stdout } = command;
  const url = await new Promise<string>((resolve) => {
    let text = '';
    stdout.on('data', (bytes: Buffer) => {
      text += bytes.toString('utf8');
      const found = /"url":"([^"]+)"/u.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  figures.push(['command: until its address is there', performance.now() - from, 'ms']);
  const cookie = (await fetch(url, { redirect: 'manual' })).headers.get('set-cookie')?.split(';')[0] ?? '';
  const ask = async (path: string) => {
    const answer = await fetch(new URL(path, url), { headers: { cookie } });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${text}`);
    return JSON.parse(text) as unknown;
  };
  await measurePage(url, '#/runs', '1,000 runs, first time', 'table.runs tbody tr');
  await measurePage(url, '#/runs', '1,000 runs', 'table.runs tbody tr');
  const [{ id }] = (await ask('/api/stores')) as [{ readonly id: string }];
  const curves = `/api/stores/${id}/curves?points=2000&id=`;
  await timed(
    'curves, 1 M steps in 10,000 epochs, first time',
    async () => await ask(`${curves}size-epochs`),
  );
  await timed('curves, 1 M steps in 10,000 epochs', async () => await ask(`${curves}size-epochs`));
  await timed('curves, 1 M lines, first time', async () => await ask(`${curves}size-lines`));
  const thinned = (await timed('curves, 1 M lines', async () => await ask(`${curves}size-lines`))) as [
    { readonly curves: readonly { readonly x: readonly number[] }[] },
  ];
  figures.push(['points of the longest curve', Math.max(...thinned[0].curves.map(({ x }) => x.length)), '']);
  await measurePage(url, `#/curves?store=${id}&id=size-lines`, '1 M steps', '.panel .chart svg path');
  const data = `/api/stores/${id}/datasets/size/${version}`;
  await timed('100,000 clips, first time', async () => await ask(data));
  await timed('100,000 clips, a page by class', async () => await ask(`${data}/clips?class=7&page=3`));
  await timed('100,000 clips, a search', async () => await ask(`${data}/clips?q=0999`));
  await timed('100,000 clips, those of same content', async () => await ask(`${data}/clips?only=duplicates`));
  await measurePage(url, `#/data/${id}/size/${version}`, '100,000 clips', '.clips li');
} finally {
  say();
  command?.kill('SIGINT');
  await command;
  await stopSupervisor();
  await rm(folder, { recursive: true, force: true });
}
