/**
 * The files in which the hashes of a dataset's sources are remembered: a JSON line a source, parted by the first digits of
 * its path's hash, so that whoever plans holds one part at a time. More clips are given more digits. Each is only a memory: one
 * that is not what was written is taken for absent, and its sources are hashed again. Its last line says what was written; what
 * another release wrote without it is believed line by line.
 */
import { createHash, hash } from 'node:crypto';
import { isRecord } from '../../../schemas/is-record.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { Store } from '../../store/store.ts';

/** [bytes, modification time in ms, sha256] of a source. */
export type KnownHash = readonly [number, number, string];
export type KnownHashes = Map<string, KnownHash>;

/** Of one part, about: some 20 MB of text, and twice that in memory. */
export const CLIPS_PER_PART = 2 ** 17;
const DIGIT = 16;
const WRITTEN_LINES = 4_096;
const NEWLINE = 0x0a;

/** Of hexadecimal digits in a part's name. */
export function digitsFor(clips: number, clipsPerPart = CLIPS_PER_PART): number {
  let digits = 0;
  for (let parts = 1; clips > parts * clipsPerPart; parts *= DIGIT) digits += 1;
  return digits;
}

/** All parts' names with so many digits, in order. */
export function partNames(digits: number): string[] {
  if (digits === 0) return [''];
  return Array.from({ length: DIGIT ** digits }, (_, i) => i.toString(DIGIT).padStart(digits, '0'));
}

/** The name of the part that remembers the source at `path`. */
export function partOf(path: string, digits: number): string {
  return digits === 0 ? '' : hash('sha256', path).slice(0, digits);
}

/** Names of the parts that are stored, of whatever number of digits. */
export async function storedParts(store: Store, name: string): Promise<string[]> {
  const paths = await store.list(storePaths.sourceHashesFolder(name));
  return paths.flatMap((path) => {
    const part = /\/source-hashes\/(all|[0-9a-f]+)\.jsonl$/u.exec(path)?.[1];
    return part === undefined ? [] : [part === 'all' ? '' : part];
  });
}

export async function readPart(store: Store, name: string, part: string): Promise<KnownHashes> {
  const known: KnownHashes = new Map();
  const bytes = await store.find(storePaths.sourceHashes(name, part));
  if (bytes === undefined || hashPartProblem(bytes) !== undefined) return known;
  for (let from = 0; from < bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, from);
    const end = newline === -1 ? bytes.length : newline;
    const line = parsed(bytes.toString('utf8', from, end));
    from = end + 1;
    if (!Array.isArray(line)) continue;
    const [path, ...hash] = line as unknown[];
    if (typeof path === 'string' && isKnownHash(hash)) known.set(path, hash);
  }
  return known;
}

/** @returns why it is not what was written, if so */
export function hashPartProblem(bytes: Buffer): string | undefined {
  const whole = bytes.length === 0 || bytes.at(-1) === NEWLINE;
  const from = bytes.lastIndexOf(NEWLINE, -2) + 1;
  const last = parsed(bytes.toString('utf8', from));
  if (!whole || last === undefined) return 'it ends too early';
  const signed = isRecord(last) ? last['sha256'] : undefined;
  if (signed === undefined && Array.isArray(last)) return undefined;
  const sha256 = createHash('sha256').update(bytes.subarray(0, from)).digest('hex');
  return signed === sha256
    ? undefined
    : 'it has changed since it was written: its last line holds another hash';
}

export async function writePart(store: Store, name: string, part: string, known: KnownHashes): Promise<void> {
  const pieces: Buffer[] = [];
  const sha256 = createHash('sha256');
  const add = (text: string) => {
    const piece = Buffer.from(text);
    sha256.update(piece);
    pieces.push(piece);
  };
  let lines: string[] = [];
  for (const [path, hash] of known) {
    lines.push(`${JSON.stringify([path, ...hash])}\n`);
    if (lines.length < WRITTEN_LINES) continue;
    add(lines.join(''));
    lines = [];
  }
  add(lines.join(''));
  pieces.push(Buffer.from(`${JSON.stringify({ sha256: sha256.digest('hex') })}\n`));
  await store.put(storePaths.sourceHashes(name, part), Buffer.concat(pieces));
}

/** Of earlier releases: one JSON object. */
export async function readFormat1(store: Store, name: string): Promise<KnownHashes> {
  const bytes = await store.find(storePaths.sourceHashesFormat1(name));
  const content = bytes === undefined ? undefined : parsed(bytes.toString('utf8'));
  const known: KnownHashes = new Map();
  if (!isRecord(content)) return known;
  for (const [path, hash] of Object.entries(content)) if (isKnownHash(hash)) known.set(path, hash);
  return known;
}

function isKnownHash(value: unknown): value is KnownHash {
  return (
    Array.isArray(value) &&
    value.length === 3 &&
    typeof value[0] === 'number' &&
    typeof value[1] === 'number' &&
    typeof value[2] === 'string'
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
