/** What can be watched: each topic reads what the routes read, at its own pace. */
import { createHash } from 'node:crypto';
import { storePaths } from '../../../schemas/names.ts';
import { findTrainings } from '../curves/find-trainings.ts';
import { logOf } from '../runs/log-tail.ts';
import { matches, PAGE_ROWS, runLine, runsQuerySchema, type RunsQuery } from '../runs/run-rows.ts';
import type { RunsBook } from '../runs/runs-book.ts';
import type { TemporalLink } from '../runs/temporal-link.ts';
import { serviceState } from '../runs/worker-state.ts';
import { isName, type Stores } from '../stores.ts';
import { readStreams } from '../streams/read-streams.ts';
import type { RunsPage } from '../../wire.ts';
import type { Parts, Topic } from './hub.ts';

export interface TopicSources {
  readonly link: TemporalLink;
  readonly runs: RunsBook;
  readonly stores: Stores;
}

/** @returns undefined for a name that is none */
export function findTopic(name: string, sources: TopicSources): Topic | undefined {
  const { link, runs, stores } = sources;
  const [kind, rest] = splitOnce(name);
  switch (kind) {
    case 'service':
      return { everyMs: 1_000, read: async () => ({ service: serviceState(link) }) };
    case 'runs': {
      const query = parseQuery(rest);
      return query === undefined
        ? undefined
        : { everyMs: 1_000, read: async () => await runsPage(runs, query) };
    }
    case 'run':
      return { everyMs: 500, read: async () => await oneRun(runs, rest) };
    case 'log':
      return { everyMs: 1_000, read: async () => await logOf(rest) };
    case 'trainings':
      return { everyMs: 2_000, read: async () => await trainingSizes(stores, rest) };
    case 'models':
      return { everyMs: 2_000, read: async () => ({ registry: await registryMark(stores, rest) }) };
    case 'streams':
      return { everyMs: 2_000, read: async () => ({ streams: await readStreams(sources) }) };
    default:
      return undefined;
  }
}

function splitOnce(name: string): [string, string] {
  const at = name.indexOf(':');
  return at === -1 ? [name, ''] : [name.slice(0, at), name.slice(at + 1)];
}

function parseQuery(json: string): RunsQuery | undefined {
  try {
    const query = runsQuerySchema.safeParse(JSON.parse(json === '' ? '{}' : json));
    return query.success ? query.data : undefined;
  } catch {
    return undefined;
  }
}

async function runsPage(book: RunsBook, query: RunsQuery): Promise<Parts> {
  const all = await book.runs();
  const found = all.filter((run) => matches(run, query));
  const pages = Math.max(1, Math.ceil(found.length / PAGE_ROWS));
  const start = Math.min(query.page, pages - 1) * PAGE_ROWS;
  const shown = found.slice(start, start + PAGE_ROWS);
  const page: RunsPage = {
    order: shown.map(({ workflowId }) => workflowId),
    found: found.length,
    all: all.length,
    active: all.filter(({ state }) => state === 'running').length,
    pages,
  };
  const lines = shown.map((run) => [
    `run ${run.workflowId}`,
    runLine(run, run.state === 'running' ? book.progress(run) : undefined),
  ]);
  return { page, ...(Object.fromEntries(lines) as Parts) };
}

async function oneRun(book: RunsBook, workflowId: string): Promise<Parts> {
  const run = await book.find(workflowId);
  if (run === undefined) return { line: null, progress: null };
  const progress = book.progress(run);
  return { line: runLine(run, progress), progress: progress ?? null };
}

/** Another one when anything of the registry is new: its records are created once and never written over. */
async function registryMark(stores: Stores, storeId: string): Promise<string> {
  const hash = createHash('sha256');
  for (const path of await stores.get(storeId).list(storePaths.models)) hash.update(`${path}\n`);
  return hash.digest('hex').slice(0, 16);
}

/** Of `<store>/<training id>,…`: the bytes of each one's metrics, which grow with every epoch. */
async function trainingSizes(stores: Stores, rest: string): Promise<Parts> {
  const [storeId = '', list = ''] = rest.split('/');
  const store = stores.get(storeId);
  if (list === '') return { trainings: await findTrainings(store) };
  const ids = list.split(',').filter(isName);
  const sizes = ids.map(async (id) => [id, (await store.size(storePaths.metrics(id))) ?? 0] as const);
  return Object.fromEntries(await Promise.all(sizes));
}
