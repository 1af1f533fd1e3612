/**
 * The framing and the flatbuffers of an Arrow IPC stream or file, walked within bounds before Arrow reads them: Arrow's own
 * reader follows a damaged vector's length, a field that is its own child, or a count of rows without end.
 * Format: https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format
 */
import { ByteBuffer } from 'flatbuffers';
import { DictionaryBatch } from 'apache-arrow/fb/dictionary-batch';
import type { Field } from 'apache-arrow/fb/field';
import { Footer } from 'apache-arrow/fb/footer';
import { Message } from 'apache-arrow/fb/message';
import { MessageHeader } from 'apache-arrow/fb/message-header';
import { RecordBatch } from 'apache-arrow/fb/record-batch';
import { Schema } from 'apache-arrow/fb/schema';

const CONTINUATION = 0xffff_ffff;
const PREFIX_BYTES = 8;
const MAGIC = Buffer.from('ARROW1');
/** The first one is padded. */
const FILE_START_BYTES = 8;
const LENGTH_BYTES = 4;

/** What a shard, a feature record or a table has at most, and then some. */
const MOST = {
  fields: 1_024,
  depth: 3,
  pairs: 64,
  nodes: 4_096,
  buffers: 8_192,
  metadataBytes: 2 ** 24,
} as const;

/** @returns what is wrong with the stream of one schema and one batch, or undefined when Arrow may read it */
export function arrowStreamProblem(bytes: Uint8Array): string | undefined {
  let at = 0;
  for (const wanted of [MessageHeader.Schema, MessageHeader.RecordBatch]) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
    if (view.byteLength < PREFIX_BYTES) return `it ends after ${String(bytes.length)} bytes`;
    const length = view.getUint32(4, true);
    if (view.getUint32(0, true) !== CONTINUATION) return `there is no message at byte ${String(at)}`;
    if (length === 0 || length > view.byteLength - PREFIX_BYTES) {
      return `the message at byte ${String(at)} says that it has ${String(length)} bytes`;
    }
    const from = at + PREFIX_BYTES;
    const left = bytes.length - from - length;
    const found = messageFacts(bytes.subarray(from, from + length), left);
    if (typeof found === 'string') return `the message at byte ${String(at)}: ${found}`;
    if (found.type !== wanted) return `the message at byte ${String(at)} is of another kind`;
    at = from + length + found.bodyBytes;
  }
  return undefined;
}

/** @returns what is wrong with the file, or undefined when Arrow may read it */
export function arrowFileProblem(bytes: Uint8Array): string | undefined {
  try {
    return fileProblem(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  } catch (error) {
    // A flatbuffer that points outside of itself.
    return error instanceof Error ? error.message : String(error);
  }
}

function fileProblem(bytes: Buffer): string | undefined {
  const magicAt = bytes.length - MAGIC.length;
  const lengthAt = magicAt - LENGTH_BYTES;
  if (lengthAt < FILE_START_BYTES) return `it has ${String(bytes.length)} bytes`;
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return 'it does not begin as one';
  if (!bytes.subarray(magicAt).equals(MAGIC)) return 'it does not end as one';
  const length = bytes.readInt32LE(lengthAt);
  if (length <= 0 || length > lengthAt - FILE_START_BYTES || length > MOST.metadataBytes) {
    return `its footer says that it has ${String(length)} bytes`;
  }
  const footer = Footer.getRootAsFooter(new ByteBuffer(bytes.subarray(lengthAt - length, lengthAt)));
  const problem = schemaProblem(footer.schema());
  if (problem !== undefined) return problem;
  if (footer.customMetadataLength() > MOST.pairs) return 'its metadata has no end';
  for (const [count, blockAt, wanted] of [
    [footer.dictionariesLength(), (i: number) => footer.dictionaries(i), MessageHeader.DictionaryBatch],
    [footer.recordBatchesLength(), (i: number) => footer.recordBatches(i), MessageHeader.RecordBatch],
  ] as const) {
    if (count > bytes.length / PREFIX_BYTES) return `its footer names ${String(count)} batches`;
    for (let index = 0; index < count; index += 1) {
      const block = blockAt(index);
      if (block === null) return 'a batch is not there';
      const [at, prefixed] = [Number(block.offset()), block.metaDataLength()];
      const from = at + PREFIX_BYTES;
      const isIn = at >= FILE_START_BYTES && prefixed > PREFIX_BYTES && at + prefixed <= lengthAt;
      const size = isIn ? bytes.readInt32LE(at + LENGTH_BYTES) : 0;
      if (!isIn || size <= 0 || size > prefixed - PREFIX_BYTES || bytes.readUInt32LE(at) !== CONTINUATION) {
        return `there is no batch at byte ${String(at)}`;
      }
      const found = messageFacts(bytes.subarray(from, from + size), lengthAt - at - prefixed);
      if (typeof found === 'string') return `the batch at byte ${String(at)}: ${found}`;
      if (found.type !== wanted || found.bodyBytes !== Number(block.bodyLength())) {
        return `the batch at byte ${String(at)} is another than its footer says`;
      }
    }
  }
  return undefined;
}

/**
 * @param metadata of one message
 * @param most bytes that can follow it
 * @returns what is wrong with it, as text
 */
export function messageFacts(
  metadata: Uint8Array,
  most: number,
): string | { readonly type: MessageHeader; readonly bodyBytes: number } {
  const message = Message.getRootAsMessage(new ByteBuffer(metadata));
  const bodyBytes = Number(message.bodyLength());
  if (bodyBytes < 0 || bodyBytes > most) return `it says that ${String(bodyBytes)} bytes follow it`;
  if (message.customMetadataLength() > MOST.pairs) return 'its metadata has no end';
  const type = message.headerType();
  const problem =
    type === MessageHeader.Schema
      ? schemaProblem(message.header(new Schema()) as Schema | null)
      : type === MessageHeader.RecordBatch
        ? batchProblem(message.header(new RecordBatch()) as RecordBatch | null, bodyBytes)
        : type === MessageHeader.DictionaryBatch
          ? batchProblem(
              (message.header(new DictionaryBatch()) as DictionaryBatch | null)?.data() ?? null,
              bodyBytes,
            )
          : 'it is of an unknown kind';
  return problem ?? { type, bodyBytes };
}

function schemaProblem(schema: Schema | null): string | undefined {
  if (schema === null) return 'there is no schema';
  if (schema.customMetadataLength() > MOST.pairs) return 'its metadata has no end';
  const count = schema.fieldsLength();
  if (count > MOST.fields) return `its schema has ${String(count)} fields`;
  let left = MOST.fields;
  const fieldProblem = (field: Field | null, depth: number): string | undefined => {
    left -= 1;
    if (field === null) return 'a field is not there';
    if (left < 0 || depth > MOST.depth) return 'its fields have no end';
    if (field.customMetadataLength() > MOST.pairs) return "a field's metadata has no end";
    const children = field.childrenLength();
    if (children > MOST.fields) return 'its fields have no end';
    for (let index = 0; index < children; index += 1) {
      const problem = fieldProblem(field.children(index), depth + 1);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
  for (let index = 0; index < count; index += 1) {
    const problem = fieldProblem(schema.fields(index), 0);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function batchProblem(batch: RecordBatch | null, bodyBytes: number): string | undefined {
  if (batch === null) return 'there is no batch';
  const [nodes, buffers] = [batch.nodesLength(), batch.buffersLength()];
  if (nodes > MOST.nodes || buffers > MOST.buffers) return 'its batch has no end';
  // A row of ours takes more than a byte.
  const rows = Number(batch.length());
  if (rows < 0 || rows > bodyBytes) return `it says that it has ${String(rows)} rows`;
  for (let index = 0; index < buffers; index += 1) {
    const buffer = batch.buffers(index);
    if (buffer === null) return 'a buffer is not there';
    const [from, length] = [Number(buffer.offset()), Number(buffer.length())];
    if (from < 0 || length < 0 || from + length > bodyBytes) return 'a buffer lies outside of it';
  }
  return undefined;
}
