/**
 * The framing and the flatbuffers of an Arrow IPC stream, walked within bounds before Arrow reads them: Arrow's own
 * reader follows a damaged vector's length or a field that is its own child without end.
 * Format: https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format
 */
import { ByteBuffer } from 'flatbuffers';
import { Message } from 'apache-arrow/fb/message';
import { MessageHeader } from 'apache-arrow/fb/message-header';
import { RecordBatch } from 'apache-arrow/fb/record-batch';
import { Schema } from 'apache-arrow/fb/schema';

const CONTINUATION = 0xffff_ffff;
const PREFIX_BYTES = 8;

/** What a feature record has at most, and then some. */
const MOST = { fields: 64, children: 1, pairs: 64, nodes: 256, buffers: 512 } as const;

/** @returns what is wrong with the stream of one schema and one batch, or undefined when Arrow may read it */
export function arrowProblem(bytes: Uint8Array): string | undefined {
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
    const message = Message.getRootAsMessage(new ByteBuffer(bytes.subarray(from, from + length)));
    if (message.headerType() !== wanted) return `the message at byte ${String(at)} is of another kind`;
    const body = Number(message.bodyLength());
    if (body < 0 || body > bytes.length - from - length) {
      return `the message at byte ${String(at)} says that ${String(body)} bytes follow it`;
    }
    const problem = wanted === MessageHeader.Schema ? schemaProblem(message) : batchProblem(message);
    if (problem !== undefined) return problem;
    at = from + length + body;
  }
  return undefined;
}

function schemaProblem(message: Message): string | undefined {
  const schema = message.header(new Schema()) as Schema | null;
  if (schema === null) return 'there is no schema';
  const fields = schema.fieldsLength();
  if (fields > MOST.fields) return `its schema has ${String(fields)} fields`;
  if (schema.customMetadataLength() > MOST.pairs) return 'its metadata has no end';
  for (let index = 0; index < fields; index += 1) {
    const field = schema.fields(index);
    if (field === null) return 'a field is not there';
    if (field.customMetadataLength() > MOST.pairs) return "a field's metadata has no end";
    if (field.childrenLength() > MOST.children) return 'a field has more than one child';
    const child = field.children(0);
    if (child !== null && child.childrenLength() > 0) return "a field's child has children";
    if (child !== null && child.customMetadataLength() > MOST.pairs) return "a field's metadata has no end";
  }
  return undefined;
}

function batchProblem(message: Message): string | undefined {
  const batch = message.header(new RecordBatch()) as RecordBatch | null;
  if (batch === null) return 'there is no batch';
  if (batch.nodesLength() > MOST.nodes || batch.buffersLength() > MOST.buffers) return 'its batch has no end';
  return undefined;
}
