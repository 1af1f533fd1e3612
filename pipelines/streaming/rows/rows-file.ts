/** `<split>-<key>.rows.jsonl`, a line a row of the shard beside it. Its name holds the hash of what is in it. */
import { createHash, type Hash } from 'node:crypto';
import { streamRowSchema, type StreamRow } from '../../../schemas/stream.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { Store } from '../../store/store.ts';
import { parseStoredLines } from '../../store/stored-json.ts';

const KEY_CHARACTERS = 32;
const NAMED = new RegExp(`-([0-9a-f]{${String(KEY_CHARACTERS)}})\\.rows\\.jsonl$`, 'u');

/**
 * @param generation of the manifest, for rows that a shard held before and that were replaced since; absent: none did
 * @returns 32 hexadecimal digits
 */
export function rowsKey(lines: Buffer | string, generation?: number): string {
  return keyOf(createHash('sha256').update(lines), generation);
}

function keyOf(lines: Hash, generation?: number): string {
  const hash = lines.copy();
  if (generation !== undefined) hash.update(String(generation));
  return hash.digest('hex').slice(0, KEY_CHARACTERS);
}

/**
 * Whether the file has another content than its name says.
 *
 * @param newest generation of the manifest that names it
 */
export function rowsAreDamaged(path: string, bytes: Buffer, newest: number): boolean {
  const key = NAMED.exec(path)?.[1];
  const lines = createHash('sha256').update(bytes);
  if (key === undefined || keyOf(lines) === key) return false;
  for (let generation = newest; generation >= 0; generation -= 1) {
    if (keyOf(lines, generation) === key) return false;
  }
  return true;
}

export interface RowsOfShard {
  readonly rowsPath: string;
  /** The shard's number of rows. */
  readonly rows: number;
  /** As for `rowsAreDamaged`. */
  readonly newest: number;
}

/** @throws ModalmixError `input` when it is damaged, or has not a line for each row */
export async function readStreamRows(
  store: Store,
  { rowsPath, rows, newest }: RowsOfShard,
): Promise<StreamRow[]> {
  const where = `${store.uri}/${rowsPath}`;
  const bytes = await store.get(rowsPath);
  const found = parseStoredLines(bytes, streamRowSchema, where);
  if (found.length !== rows) {
    throw damaged(`it names ${String(found.length)} rows, and its shard has ${String(rows)}`, where);
  }
  // Rows of other clips, labels or times would be taken, or taken again.
  if (rowsAreDamaged(rowsPath, bytes, newest)) throw damaged('it has changed since it was written', where);
  return found;
}

function damaged(problem: string, where: string): ModalmixError {
  return new ModalmixError('input', problem, { where, fix: 'Restore it from a copy of the store.' });
}
