/** Who a shard's rows are, without their features: only the first columns' bytes are read from the file. */
import { open, type FileHandle } from 'node:fs/promises';
import { Message, MessageHeader, type Schema } from 'apache-arrow';
import { splitSchema, type Split } from '../../../schemas/clip.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { ShardEntry } from '../../../schemas/manifest.ts';
import { SHARD_COLUMNS } from '../../../schemas/shard.ts';
import type { Store } from '../../store/store.ts';
import { messageFacts } from './arrow-bounds.ts';

export interface ShardRowIdentity {
  readonly clipId: string;
  readonly label: number;
  readonly split: Split;
  readonly group?: string;
  readonly sourceSha256: string;
}

type Column = readonly [name: string, buffers: number];

/** The columns read, in the shard's order, with the number of Arrow buffers each has. */
const COLUMNS: readonly Column[] = [
  [SHARD_COLUMNS.clipId, 3],
  [SHARD_COLUMNS.label, 2],
  [SHARD_COLUMNS.split, 3],
  [SHARD_COLUMNS.group, 3],
  [SHARD_COLUMNS.sourceSha256, 3],
];
const WITH_MISSING: readonly Column[] = [...COLUMNS, [SHARD_COLUMNS.missing, 2]];

/** `ARROW1` and its padding. */
const MAGIC_BYTES = 8;
/** Continuation marker and length before each message. */
const PREFIX_BYTES = 8;

/**
 * All rows in the shard's order; none for a shard without rows. The file's hash is not checked: that would
 * mean reading all of it.
 *
 * @throws ModalmixError `input` when the file is gone, or has other rows than the entry says
 */
export async function readShardColumns(store: Store, entry: ShardEntry): Promise<ShardRowIdentity[]> {
  return await readColumns(store, entry, COLUMNS, rowOf);
}

/**
 * As `readShardColumns`, with `modalityBit` of each modality that is missing in the row.
 *
 * @throws ModalmixError as `readShardColumns`
 */
export async function readShardPresence(
  store: Store,
  entry: ShardEntry,
): Promise<(ShardRowIdentity & { readonly missing: number })[]> {
  return await readColumns(store, entry, WITH_MISSING, (columns, row) => ({
    ...rowOf(columns, row),
    missing: columns[COLUMNS.length]?.[1]?.readUInt8(row) ?? 0,
  }));
}

type MakeRow<Row> = (columns: readonly (readonly Buffer[])[], row: number) => Row;

async function readColumns<Row>(
  store: Store,
  entry: ShardEntry,
  wanted: readonly Column[],
  make: MakeRow<Row>,
): Promise<Row[]> {
  if (entry.rows === 0) return [];
  const path = await store.localFile(entry.path);
  const file = await open(path, 'r');
  try {
    const rows = await readRows(file, wanted, make);
    if (rows.length !== entry.rows) throw new Error(`it has ${String(rows.length)} rows`);
    return rows;
  } catch (cause) {
    throw new ModalmixError('input', `the file is not the shard of ${String(entry.rows)} rows it should be`, {
      where: path,
      fix: 'Delete this file and run the rebuild again: it is then made anew.',
      cause,
    });
  } finally {
    await file.close();
  }
}

async function readRows<Row>(
  file: FileHandle,
  wanted: readonly Column[],
  make: MakeRow<Row>,
): Promise<Row[]> {
  const rows: Row[] = [];
  const { size } = await file.stat();
  let position = MAGIC_BYTES;
  for (;;) {
    const metadataBytes = (await readAt(file, position, PREFIX_BYTES)).readInt32LE(4);
    if (metadataBytes === 0) return rows;
    const bodyStart = position + PREFIX_BYTES + metadataBytes;
    if (metadataBytes < 0 || bodyStart > size) throw new Error('it ends too early');
    const metadata = await readAt(file, position + PREFIX_BYTES, metadataBytes);
    const found = messageFacts(metadata, size - bodyStart);
    if (typeof found === 'string') throw new Error(found);
    const message = Message.decode(metadata);
    position = bodyStart + message.bodyLength;
    if (message.isSchema()) checkColumns(message.header(), wanted);
    if (message.headerType !== MessageHeader.RecordBatch || !message.isRecordBatch()) continue;
    const { length, buffers } = message.header();
    const last = buffers[wanted.reduce((sum, [, count]) => sum + count, 0) - 1];
    const body = await readAt(file, bodyStart, (last?.offset ?? 0) + (last?.length ?? 0));
    const columns: Buffer[][] = [];
    let next = 0;
    for (const [, count] of wanted) {
      columns.push(
        buffers
          .slice(next, next + count)
          .map((part) => body.subarray(part.offset, part.offset + part.length)),
      );
      next += count;
    }
    for (let row = 0; row < length; row += 1) rows.push(make(columns, row));
  }
}

function checkColumns(schema: Schema, wanted: readonly Column[]): void {
  const names = schema.fields.slice(0, wanted.length).map(({ name }) => name);
  if (names.join() !== wanted.map(([name]) => name).join())
    throw new Error(`its columns are ${names.join()}`);
}

function rowOf(columns: readonly (readonly Buffer[])[], row: number): ShardRowIdentity {
  const [clipId, label, split, group, source] = columns;
  const groupName = textAt(group, row);
  return {
    clipId: textAt(clipId, row) ?? '',
    label: label?.[1]?.readInt32LE(4 * row) ?? 0,
    split: splitSchema.parse(textAt(split, row)),
    ...(groupName === undefined ? {} : { group: groupName }),
    sourceSha256: textAt(source, row) ?? '',
  };
}

/** Buffers of a utf8 column: validity (empty when nothing is null), offsets, text. */
function textAt(column: readonly Buffer[] | undefined, row: number): string | undefined {
  const [validity, offsets, text] = column ?? [];
  if (validity === undefined || offsets === undefined || text === undefined) return undefined;
  if (validity.length > 0 && ((validity[row >> 3] ?? 0) & (1 << (row & 7))) === 0) return undefined;
  return text.toString('utf8', offsets.readInt32LE(4 * row), offsets.readInt32LE(4 * row + 4));
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) throw new Error('it ends too early');
    done += bytesRead;
  }
  return bytes;
}
