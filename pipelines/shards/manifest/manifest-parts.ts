/**
 * The parts of a manifest of very many shards: files of lines, an entry each, named by their hash. They and the quarantine's
 * list are written before the head that names them, and no more than one part is held.
 */
import { createHash, type Hash } from 'node:crypto';
import { open, readFile, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import {
  quarantineEntrySchema,
  shardEntrySchema,
  type DatasetManifest,
  type ManifestHead,
  type ManifestPart,
  type QuarantineEntry,
  type ShardEntry,
} from '../../../schemas/manifest.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { Store } from '../../store/store.ts';
import { parseStoredLines } from '../../store/stored-json.ts';
import { damagedManifest } from './manifest-text.ts';

const PART_BYTES = 16 * 2 ** 20;

/** Writes parts as entries come. */
export class PartWriter {
  readonly #store: Store;
  readonly #place: { readonly name: string; readonly version: string };
  readonly #partBytes: number;
  readonly #parts: ManifestPart[] = [];
  #lines: Buffer[] = [];
  #bytes = 0;

  constructor(
    store: Store,
    place: { readonly name: string; readonly version: string },
    partBytes = PART_BYTES,
  ) {
    this.#store = store;
    this.#place = place;
    this.#partBytes = partBytes;
  }

  async add(entry: ShardEntry): Promise<void> {
    const line = Buffer.from(`${JSON.stringify(shardEntrySchema.parse(entry))}\n`);
    if (this.#bytes > 0 && this.#bytes + line.length > this.#partBytes) await this.#write();
    this.#lines.push(line);
    this.#bytes += line.length;
  }

  async end(): Promise<readonly ManifestPart[]> {
    if (this.#bytes > 0) await this.#write();
    return this.#parts;
  }

  async #write(): Promise<void> {
    const bytes = Buffer.concat(this.#lines);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const path = storePaths.manifestPart(this.#place.name, this.#place.version, sha256);
    this.#parts.push({ path, sha256, shards: this.#lines.length, bytes: bytes.length });
    this.#lines = [];
    this.#bytes = 0;
    // Looked at, not only there: a damaged one is mended.
    const existing = await this.#store.find(path);
    if (existing?.equals(bytes) !== true) await this.#store.put(path, bytes);
  }
}

/** A version's list of what was quarantined, put together in a file. */
export class QuarantineWriter {
  readonly #file: FileHandle;
  readonly #local: string;
  readonly #sha256: Hash = createHash('sha256');
  #entries = 0;

  private constructor(file: FileHandle, local: string) {
    this.#file = file;
    this.#local = local;
  }

  /** @param scratch a folder of the caller's */
  static async begin(scratch: string): Promise<QuarantineWriter> {
    const local = join(scratch, 'quarantine.jsonl');
    return new QuarantineWriter(await open(local, 'wx'), local);
  }

  get entries(): number {
    return this.#entries;
  }

  async add(entries: readonly QuarantineEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
    this.#entries += entries.length;
    this.#sha256.update(text);
    await this.#file.writeFile(text);
  }

  /** Nothing is written where the same bytes are. @returns the file's sha256 */
  async publish(store: Store, path: string): Promise<string> {
    await this.#file.close();
    const existing = await store.find(path);
    const bytes = await readFile(this.#local);
    if (existing?.equals(bytes) !== true) await store.put(path, bytes);
    return this.#sha256.digest('hex');
  }

  /** May be called at any time. */
  async end(): Promise<void> {
    await this.#file.close().catch(() => undefined);
    await rm(this.#local, { force: true });
  }
}

/**
 * A manifest as one, out of its head; what it holds in memory grows with its shards.
 *
 * @throws ModalmixError `input` when a part or the quarantine's list is not there, or not what was published
 */
export async function wholeManifest(store: Store, head: ManifestHead): Promise<DatasetManifest> {
  const { parts, quarantineSha256, sha256: _, ...facts } = head;
  const shards: ShardEntry[] = [];
  for (const part of parts) {
    const bytes = await read(store, part.path, part.sha256);
    shards.push(...parseStoredLines(bytes, shardEntrySchema, `${store.uri}/${part.path}`, 'remake'));
  }
  const path = storePaths.quarantine(head.name, head.version);
  const quarantine = parseStoredLines(
    await read(store, path, quarantineSha256),
    quarantineEntrySchema,
    `${store.uri}/${path}`,
    'remake',
  );
  return { ...facts, formatVersion: 1, shards, quarantine };
}

/**
 * What is wrong with the files that a head names, so that none of them hides another; each is read at a time.
 *
 * @returns by path: why it is not what was published
 */
export async function damagedPieces(
  store: Store,
  head: ManifestHead,
): Promise<ReadonlyMap<string, PieceProblem>> {
  const quarantine = storePaths.quarantine(head.name, head.version);
  const problems = new Map<string, PieceProblem>();
  for (const { path, sha256 } of [...head.parts, { path: quarantine, sha256: head.quarantineSha256 }]) {
    const bytes = await store.find(path);
    if (bytes === undefined) problems.set(path, 'missing');
    else if (createHash('sha256').update(bytes).digest('hex') !== sha256) problems.set(path, 'damaged');
  }
  return problems;
}
export type PieceProblem = 'missing' | 'damaged';

async function read(store: Store, path: string, sha256: string): Promise<Buffer> {
  const bytes = await store.find(path);
  if (bytes === undefined || createHash('sha256').update(bytes).digest('hex') !== sha256) {
    throw damagedManifest(`${store.uri}/${path}`);
  }
  return bytes;
}
