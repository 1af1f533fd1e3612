/**
 * Memory and time of indexing and planning a dataset of very many clips, of which none is extracted:
 *
 *     npx tsx bench/sizing/plan-memory.ts [clips] [folder] [--files=100] [--split]
 *
 * A table of segments of small files (`--files=0`: a file a clip, hard links to one). `--split`: the table says train and test; else
 * both are drawn. It is planned twice, each time in a process of its own: as new, and when nothing has changed. Needs about
 * 1.6 KB of disk a clip, which are freed at the end.
 */
import { spawnSync } from 'node:child_process';
import { createWriteStream, linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { streamDataset } from '../../pipelines/datasets/index-dataset.ts';
import { peakMemoryMiB } from '../../pipelines/process/peak-memory.ts';
import { planRebuild } from '../../pipelines/shards/plan/plan-rebuild.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { datasetConfigSchema } from '../../schemas/config/dataset-config.ts';
import { extractionConfigSchema } from '../../schemas/config/extraction-config.ts';

const CLASSES = 10;
const FILES_A_FOLDER = 1_000;
/** A file system gives a file no more names than this, or a few more. */
const LINKS_A_FILE = 50_000;
const ROWS_WRITTEN = 1_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    files: { type: 'string', default: '100' },
    split: { type: 'boolean', default: false },
    child: { type: 'string' },
  },
});
const [clipsText = '10000000', parent = tmpdir()] = positionals;
const clips = Number(clipsText);
const files = Number(values.files) || clips;

if (values.child !== undefined) await planIn(values.child);
else {
  const folder = await mkdtemp(join(parent, 'modalmix-plan-'));
  try {
    makeFiles(folder);
    await pipeline(Readable.from(rows()), createWriteStream(tableOf(folder)));
    for (const step of ['new', 'unchanged']) {
      process.stdout.write(`${step}: `);
      const { status } = spawnSync(
        process.execPath,
        [...process.execArgv, fileURLToPath(import.meta.url), clipsText, `--child=${folder}`],
        { stdio: 'inherit' },
      );
      if (status !== 0) throw new Error(`planning ended with ${String(status)}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function planIn(folder: string): Promise<void> {
  const store = openStore(`file:${join(folder, 'store')}`);
  const dataset = datasetConfigSchema.parse({ format: 'csv', file: tableOf(folder) });
  const scratch = await store.scratchFolder();
  const begun = { ms: performance.now(), cpu: process.cpuUsage() };
  const index = await streamDataset(dataset, {}, { folder: scratch });
  const indexed = { ms: performance.now(), cpu: process.cpuUsage() };
  const plan = await planRebuild({
    ...{
      store,
      name: 'many',
      index,
      extraction: extractionConfigSchema.parse({}),
      extractorVersion: 'none/1',
    },
  });
  const planned = { ms: performance.now(), cpu: process.cpuUsage() };
  await rm(scratch, { recursive: true, force: true });
  const between = (from: typeof begun, to: typeof begun) => ({
    seconds: Math.round((to.ms - from.ms) / 100) / 10,
    clipsPerS: Math.round(clips / ((to.ms - from.ms) / 1_000)),
    processorUsPerClip:
      Math.round((10 * (to.cpu.user + to.cpu.system - from.cpu.user - from.cpu.system)) / clips) / 10,
  });
  process.stdout.write(
    `${JSON.stringify({
      ...{ clips: plan.clips, shards: plan.shards, shardsToBuild: plan.shardsToBuild.length },
      ...{ index: between(begun, indexed), plan: between(indexed, planned), both: between(begun, planned) },
      peakRssMiB: peakMemoryMiB(),
    })}\n`,
  );
}

function tableOf(folder: string): string {
  return join(folder, 'clips.csv');
}

function fileOf(i: number): string {
  return `${String(Math.floor(i / FILES_A_FOLDER))}/${String(i)}.mp4`;
}

function makeFiles(folder: string): void {
  let linked = '';
  for (let i = 0; i < files; i += 1) {
    const file = join(folder, fileOf(i));
    if (i % FILES_A_FOLDER === 0) mkdirSync(join(folder, String(i / FILES_A_FOLDER)));
    if (files < clips || i % LINKS_A_FILE === 0) writeFileSync((linked = file), `the video ${String(i)}`);
    else linkSync(linked, file);
  }
}

function* rows(): Generator<string> {
  yield values.split ? 'path,label,start,end,split\n' : 'path,label,start,end\n';
  let text = '';
  for (let i = 0; i < clips; i += 1) {
    const second = Math.floor(i / files);
    text += `${fileOf(i % files)},class ${String(i % CLASSES)},${String(second)},${String(second + 1)}`;
    text += values.split ? `,${i % 10 === 0 ? 'test' : 'train'}\n` : '\n';
    if (i % ROWS_WRITTEN !== ROWS_WRITTEN - 1 && i !== clips - 1) continue;
    yield text;
    text = '';
  }
}
