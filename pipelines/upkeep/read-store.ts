/** Reads every file of a store that refers to others, against its schema; what cannot be read is found, not thrown. */
import { RecordBatchReader } from 'apache-arrow';
import { createHash } from 'node:crypto';
import { ModalmixError } from '../../schemas/errors.ts';
import type { DatasetManifest, ManifestHead, ManifestPart } from '../../schemas/manifest.ts';
import { NewerVersionError } from '../../schemas/versions.ts';
import { damagedPieces, wholeManifest, type PieceProblem } from '../shards/manifest/manifest-parts.ts';
import { parseManifest } from '../shards/manifest/manifest-text.ts';
import { arrowFileProblem } from '../shards/read/arrow-bounds.ts';
import type { Store } from '../store/store.ts';
import { parseStored } from '../store/stored-json.ts';
import { STORE_FOLDERS, kindOf, type FileKind, type Mend } from './file-kinds.ts';

/** Something wrong with one file. */
export interface Finding {
  /** In the store. */
  readonly path: string;
  readonly state: 'damaged' | 'missing' | 'newer';
  readonly problem: string;
  readonly mend: Mend;
  /** A record of which it is a piece, and that cannot be read without it: what that names is not known. */
  readonly hides?: string;
}

export interface StoredFile {
  readonly path: string;
  readonly kind: FileKind;
  /** As its schema reads it; of a file of lines their values; absent where it has no schema. */
  readonly content?: unknown;
}

export interface ReadStore {
  /** Those that can be read, by path. */
  readonly files: ReadonlyMap<string, StoredFile>;
  /** All paths that are there, known or not. */
  readonly paths: ReadonlySet<string>;
  /** Files that are none of ours. */
  readonly unknown: readonly string[];
  readonly findings: readonly Finding[];
}

export interface ReadStoreOptions {
  readonly onProgress?: (done: number, total: number) => void;
}

/** Memory for a piece of a large file. */
const PIECE_BYTES = 2 ** 24;

/** @throws ModalmixError where the store itself cannot be read */
export async function readStore(store: Store, { onProgress }: ReadStoreOptions = {}): Promise<ReadStore> {
  const lists = await Promise.all(STORE_FOLDERS.map(async (folder) => await store.list(folder)));
  const paths = lists.flat();
  const files = new Map<string, StoredFile>();
  const unknown: string[] = [];
  const findings: Finding[] = [];
  for (const [place, path] of paths.entries()) {
    onProgress?.(place, paths.length);
    const kind = kindOf(path);
    if (kind === undefined) {
      unknown.push(path);
      continue;
    }
    if (kind.schema === undefined) {
      files.set(path, { path, kind });
      continue;
    }
    const bytes = await store.find(path);
    // Deleted since it was listed, by whoever works here.
    if (bytes === undefined) continue;
    try {
      const content = await contentOf(store, kind, bytes, path);
      if (content instanceof BrokenManifest) findings.push(...content.findings);
      else files.set(path, { path, kind, content });
    } catch (error) {
      if (!(error instanceof ModalmixError)) throw error;
      findings.push(findingOf(error, path, kind.mend));
    }
  }
  return { files, paths: new Set(paths), unknown, findings };
}

/** A file that a newer release wrote is whole, and nobody of this one may touch it. */
export function findingOf(error: ModalmixError, path: string, mend: Mend): Finding {
  const problem = error.message;
  return error instanceof NewerVersionError
    ? { path, state: 'newer', problem, mend: 'update' }
    : { path, state: 'damaged', problem, mend };
}

/** A dataset's manifest, with the parts that its shards were read from. */
export interface ReadManifest extends DatasetManifest {
  readonly parts: readonly ManifestPart[];
}

/** A head that is whole, of which a piece is not. */
class BrokenManifest {
  readonly findings: readonly Finding[];

  constructor(findings: readonly Finding[]) {
    this.findings = findings;
  }
}

async function readManifest(
  store: Store,
  bytes: Buffer,
  path: string,
): Promise<ReadManifest | BrokenManifest> {
  const manifest = parseManifest(bytes, path);
  if (manifest.formatVersion === 1) return { ...manifest, parts: [] };
  try {
    return { ...(await wholeManifest(store, manifest)), parts: manifest.parts };
  } catch (error) {
    if (!(error instanceof ModalmixError)) throw error;
    const pieces = await damagedPieces(store, manifest);
    if (pieces.size === 0) throw error;
    return brokenManifest(manifest, pieces, path);
  }
}

function brokenManifest(
  manifest: ManifestHead,
  pieces: ReadonlyMap<string, PieceProblem>,
  path: string,
): BrokenManifest {
  const mend = manifest.snapshot === undefined ? 'rebuild' : 'restore';
  const findings = [...pieces].map(([piece, state]): Finding => {
    const problem =
      state === 'missing'
        ? `${path} names it, and it is not there`
        : `its sha256 is another than ${path} says: that version of the dataset cannot be read`;
    return { path: piece, state, problem, mend, hides: path };
  });
  return new BrokenManifest(findings);
}

async function contentOf(
  store: Store,
  { name, schema, lines }: FileKind,
  bytes: Buffer,
  path: string,
): Promise<unknown> {
  if (name === 'manifest') return await readManifest(store, bytes, path);
  if (lines !== true) return parseStored(bytes, schema!, path);
  const texts = bytes.toString('utf8').split('\n');
  return texts.flatMap((text, i) =>
    text === '' ? [] : [parseStored(Buffer.from(text), schema!, `${path}, line ${String(i + 1)}`)],
  );
}

/** Of the stored bytes themselves, not of a copy of them; undefined when nothing is stored there. */
export async function hashStored(
  store: Store,
  path: string,
): Promise<{ readonly sha256: string; readonly bytes: number } | undefined> {
  const bytes = await store.size(path);
  if (bytes === undefined) return undefined;
  const hash = createHash('sha256');
  for (let from = 0; from < bytes; from += PIECE_BYTES) {
    hash.update(await store.range(path, from, Math.min(PIECE_BYTES, bytes - from)));
  }
  return { sha256: hash.digest('hex'), bytes };
}

/** @returns why it is no Arrow file, if so */
export function arrowProblem(bytes: Buffer): string | undefined {
  const problem = arrowFileProblem(bytes);
  if (problem !== undefined) return `it is no whole Arrow file: ${problem}`;
  try {
    const reader = RecordBatchReader.from(new Uint8Array(bytes)).open();
    Array.from(reader, ({ numRows }) => numRows);
    return undefined;
  } catch (error) {
    return `it is no whole Arrow file: ${error instanceof Error ? error.message : String(error)}`;
  }
}
