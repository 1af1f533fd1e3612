/** `modalmix verify`: every file of a store against its schema, its hash and what refers to it. Changes nothing. */
import { z } from 'zod';
import { shardEntrySchema, type DatasetManifest, type ShardEntry } from '../../schemas/manifest.ts';
import type {
  CurrentModel,
  ModelMove,
  ModelVersion,
  RetrainWindow,
  WindowStart,
} from '../../schemas/retrain.ts';
import type { StreamHead, StreamManifest, StreamSegment } from '../../schemas/stream.ts';
import { storePaths } from '../../schemas/names.ts';
import type { TrainingResult, TrainingSpec } from '../../schemas/training.ts';
import type { RunConfig } from '../../schemas/config/config.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { hashPartProblem } from '../shards/plan/hash-parts.ts';
import { decodeCheckpoint } from '../training/checkpoints/read-checkpoint.ts';
import type { Store } from '../store/store.ts';
import { rowsAreDamaged } from '../streaming/rows/rows-file.ts';
import type { Mend } from './file-kinds.ts';
import {
  arrowProblem,
  findingOf,
  hashStored,
  readStore,
  type Finding,
  type ReadManifest,
  type ReadStore,
  type StoredFile,
} from './read-store.ts';

export interface Verification {
  /** By path. */
  readonly findings: readonly Finding[];
  /** Files that were looked at. */
  readonly files: number;
  /** Files in the store's folders that are none of ours. */
  readonly unknown: readonly string[];
}

export interface VerifyOptions {
  readonly onProgress?: (done: number, total: number) => void;
}

/** Both are far larger than what a command reads otherwise; 0.5 GB/s on a disk is usual. */
const LARGE_KINDS = new Set([
  'cache',
  'shard',
  'stream-shard',
  'stream-segment',
  'weights',
  'checkpoint',
  'best-checkpoint',
  'features',
  'plan-part',
  'manifest-part',
  'plugin',
]);

/** @throws ModalmixError where the store itself cannot be read */
export async function verifyStore(store: Store, { onProgress }: VerifyOptions = {}): Promise<Verification> {
  const read = await readStore(store);
  const check = new Check(store, read);
  const large = [...read.files.values()].filter(({ kind }) => LARGE_KINDS.has(kind.name));
  const expected = expectedHashes(read);
  for (const [place, file] of large.entries()) {
    onProgress?.(place, large.length);
    await check.large(file, expected);
  }
  for (const file of read.files.values()) await check.streamRows(file);
  check.references(expected);
  const findings = [...read.findings, ...check.findings];
  const first = new Map<string, Finding>();
  for (const finding of findings) if (!first.has(finding.path)) first.set(finding.path, finding);
  return {
    findings: [...first.values()].sort((a, b) => (a.path < b.path ? -1 : 1)),
    files: read.files.size + read.findings.length,
    unknown: read.unknown,
  };
}

interface Expected {
  readonly sha256: string;
  readonly bytes?: number;
  /** Who says so. */
  readonly by: string;
  readonly mend: Mend;
}

/** What the store's records say of the large files that they name. */
function expectedHashes({ files }: ReadStore): ReadonlyMap<string, readonly Expected[]> {
  const expected = new Map<string, Expected[]>();
  const add = (path: string, one: Expected) => {
    expected.set(path, [...(expected.get(path) ?? []), one]);
  };
  const addShard = (by: string, mend: Mend, { path, rows, sha256, bytes }: ShardEntry) => {
    if (rows > 0) add(path, { sha256, bytes, by, mend });
  };
  for (const { path, kind, content } of files.values()) {
    switch (kind.name) {
      case 'shard-entry':
        addShard(path, 'rebuild', shardEntrySchema.parse(content));
        break;
      case 'manifest': {
        const { shards, snapshot, parts } = content as ReadManifest;
        const mend = snapshot === undefined ? 'rebuild' : 'restore';
        for (const shard of shards) addShard(path, mend, shard);
        for (const part of parts) add(part.path, { sha256: part.sha256, by: path, mend });
        break;
      }
      case 'window-manifest':
      case 'stream-manifest': {
        for (const segment of segmentsOf(content)) {
          add(segment.path, { sha256: segment.sha256, by: path, mend: 'restore' });
        }
        for (const { entry } of streamShards(content, files)) addShard(path, 'restore', entry);
        break;
      }
      case 'result': {
        const { model } = content as TrainingResult;
        add(model.path, { sha256: model.sha256, by: path, mend: 'train' });
        break;
      }
      case 'model-version': {
        const { weights } = content as ModelVersion;
        add(weights.path, { sha256: weights.sha256, by: path, mend: 'train' });
        break;
      }
      case 'plan': {
        const body = planBodyOf(path, content);
        if (body !== undefined) add(body.path, { sha256: body.hash, by: path, mend: 'remake' });
        break;
      }
      default:
        break;
    }
  }
  return expected;
}

/** Of a stream's manifest, with those of its segments that can be read. */
function streamShards(content: unknown, files: ReadStore['files']): StreamManifest['shards'] {
  const before = segmentsOf(content).flatMap(
    ({ path }) => (files.get(path)?.content as StreamSegment | undefined)?.shards ?? [],
  );
  return [...before, ...(content as StreamManifest | StreamHead).shards];
}

/** Before format 2 there were none. */
function segmentsOf(content: unknown): StreamHead['segments'] {
  return (content as Partial<StreamHead>).segments ?? [];
}

const planSchema = z.looseObject({ formatVersion: z.literal(2), body: z.looseObject({ hash: z.string() }) });

function planBodyOf(path: string, content: unknown): { path: string; hash: string } | undefined {
  const plan = planSchema.safeParse(content);
  if (!plan.success) return undefined;
  const { hash } = plan.data.body;
  return { path: `${path.slice(0, -'.json'.length)}-${hash}.jsonl`, hash };
}

class Check {
  readonly findings: Finding[] = [];
  readonly #store: Store;
  readonly #read: ReadStore;
  readonly #rowsSeen = new Set<string>();

  constructor(store: Store, read: ReadStore) {
    this.#store = store;
    this.#read = read;
  }

  async large({ path, kind }: StoredFile, expected: ReadonlyMap<string, readonly Expected[]>): Promise<void> {
    const damaged = (problem: string, mend = kind.mend) => {
      this.findings.push({ path, state: 'damaged', problem, mend });
    };
    if (kind.name === 'checkpoint' || kind.name === 'best-checkpoint') {
      const bytes = await this.#store.find(path);
      const error = bytes === undefined ? undefined : checkpointProblem(bytes, path);
      if (error !== undefined) this.findings.push(findingOf(error, path, kind.mend));
      return;
    }
    if (kind.name === 'features') {
      const bytes = await this.#store.find(path);
      const problem = bytes === undefined ? undefined : arrowProblem(bytes);
      if (problem !== undefined) damaged(problem);
      return;
    }
    if (kind.name === 'cache') {
      const bytes = kind.schema === undefined ? await this.#store.find(path) : undefined;
      const problem = bytes === undefined ? undefined : hashPartProblem(bytes);
      if (problem !== undefined) damaged(problem);
      return;
    }
    const named = expected.get(path) ?? [];
    const own = /^plugins\/([0-9a-f]{64})\.mjs$/u.exec(path)?.[1];
    // Written before the record that names it: whoever wrote it was killed, or is at work.
    if (named.length === 0 && own === undefined) return;
    const found = await hashStored(this.#store, path);
    if (found === undefined) return;
    if (own !== undefined && found.sha256 !== own) damaged(`its sha256 is ${found.sha256}`);
    const wrong = named.find(({ sha256 }) => !found.sha256.startsWith(sha256));
    if (wrong === undefined) return;
    const problem = `its sha256 should be ${wrong.sha256}, as ${wrong.by} says, and is ${found.sha256}`;
    damaged(problem, wrong.mend);
  }

  /** Of a stream's manifest: the rows of its shards, by the hash in their names. */
  async streamRows({ path, kind, content }: StoredFile): Promise<void> {
    if (kind.name !== 'stream-manifest' && kind.name !== 'window-manifest') return;
    const { generation } = content as StreamManifest | StreamHead;
    for (const { rowsPath } of streamShards(content, this.#read.files)) {
      if (this.#rowsSeen.has(rowsPath)) continue;
      this.#rowsSeen.add(rowsPath);
      const bytes = await this.#store.find(rowsPath);
      if (bytes === undefined || !rowsAreDamaged(rowsPath, bytes, generation)) continue;
      const problem = `it has changed since it was written: its name, as ${path} has it, holds another hash`;
      this.findings.push({ path: rowsPath, state: 'damaged', problem, mend: 'restore' });
    }
  }

  /** Files that another one names and that are not there, and records that do not fit together. */
  references(expected: ReadonlyMap<string, readonly Expected[]>): void {
    for (const [path, named] of expected) {
      if (this.#read.paths.has(path)) continue;
      this.#missing(
        path,
        named[0]!.by,
        named.some(({ mend }) => mend === 'restore') ? 'restore' : named[0]!.mend,
      );
    }
    for (const file of this.#read.files.values()) this.#referencesOf(file);
  }

  #referencesOf({ path, kind, content }: StoredFile): void {
    const dataset = ({ name, version }: { readonly name: string; readonly version: string }) => {
      this.#needs(storePaths.manifest(name, version), path, 'rebuild');
    };
    switch (kind.name) {
      case 'run-dataset':
        dataset(content as DatasetManifest);
        break;
      case 'config': {
        const config = content as RunConfig | TrainingSpec;
        for (const { sha256 } of config.plugins ?? []) {
          if (sha256 !== undefined) this.#needs(storePaths.plugin(sha256), path, 'restore');
        }
        if ('trainingId' in config) dataset(config.dataset);
        break;
      }
      case 'result':
        this.#needs(storePaths.runConfig((content as TrainingResult).trainingId), path, 'restore');
        break;
      case 'model-version': {
        const version = content as ModelVersion;
        this.#needs(storePaths.runConfig(version.trainingId), path, 'restore');
        dataset(version.dataset);
        break;
      }
      case 'model-move': {
        const { model, to } = content as ModelMove;
        this.#needs(storePaths.modelVersion(model, to), path, 'restore');
        break;
      }
      case 'current-model': {
        const { model, version, move } = content as CurrentModel;
        const log = this.#read.files.get(storePaths.modelMove(model, move))?.content as ModelMove | undefined;
        if (log !== undefined && log.to !== version) {
          const problem = `it names version ${String(version)}, move ${String(move)} of the log ${String(log.to)}`;
          this.findings.push({ path, state: 'damaged', problem, mend: 'remake' });
        }
        break;
      }
      case 'window':
        this.#needs((content as RetrainWindow).manifest, path, 'restore');
        break;
      case 'window-start':
        dataset((content as WindowStart).dataset);
        break;
      case 'window-manifest':
      case 'stream-manifest':
        for (const { rowsPath } of streamShards(content, this.#read.files)) {
          this.#needs(rowsPath, path, 'restore');
        }
        break;
      case 'manifest':
        this.#manifest(path, content as DatasetManifest);
        break;
      default:
        break;
    }
  }

  #manifest(path: string, { name, version, shards }: DatasetManifest): void {
    if (path !== storePaths.manifest(name, version)) {
      const problem = `it says that it is version ${version} of "${name}"`;
      this.findings.push({ path, state: 'damaged', problem, mend: 'rebuild' });
    }
    for (const shard of shards) {
      const entryPath = shard.path.replace(/\.arrow$/u, '.json');
      const entry = this.#read.files.get(entryPath)?.content as ShardEntry | undefined;
      if (entry === undefined || entry.sha256 === shard.sha256) continue;
      const problem = `${path} names another sha256 for its shard`;
      this.findings.push({ path: entryPath, state: 'damaged', problem, mend: 'rebuild' });
    }
  }

  #needs(path: string, by: string, mend: Mend): void {
    if (!this.#read.paths.has(path)) this.#missing(path, by, mend);
  }

  #missing(path: string, by: string, mend: Mend): void {
    this.findings.push({ path, state: 'missing', problem: `${by} names it, and it is not there`, mend });
  }
}

function checkpointProblem(bytes: Buffer, path: string): ModalmixError | undefined {
  try {
    decodeCheckpoint(bytes, path.split('/')[1] ?? '', path);
    return undefined;
  } catch (error) {
    if (error instanceof ModalmixError) return error;
    throw error;
  }
}
