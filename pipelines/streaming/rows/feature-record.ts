/**
 * A row on `modalmix.features`: one Arrow IPC stream (schema, one record batch of one row), so that any
 * Arrow reader opens it alone. Columns: `clip_id`, `label` (the class's name), `split` and `group` (all three null
 * when the event named none), `source_sha256`, `missing` (JSON: modality → code and reason), and one
 * FixedSizeList a modality whose shape is in its field's metadata.
 */
import { createHash } from 'node:crypto';
import {
  Field,
  FixedSizeList,
  Float32,
  RecordBatch,
  RecordBatchReader,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  Uint8,
  Utf8,
  makeData,
  vectorFromArray,
  type Data,
  type DataType,
} from 'apache-arrow';
import { z } from 'zod';
import { splitSchema, type Split } from '../../../schemas/clip.ts';
import { hashedExtraction, type ExtractionConfig } from '../../../schemas/config/extraction-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { MEDIA_MODALITIES, type MediaModality } from '../../../schemas/modality.ts';
import { clipIdSchema, featureMetadataSchema } from '../../../schemas/stream.ts';
import { MISSING_CODES, type ExtractedClip } from '../../extraction/extractor.ts';
import { arrowStreamProblem } from '../../shards/read/arrow-bounds.ts';

/** Where an event stands: which topic, partition and offset. */
export interface RecordPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface FeatureRecord {
  readonly clipId: string;
  /** The class's name; absent: the event named none. */
  readonly label?: string;
  readonly split?: Split;
  readonly group?: string;
  /** Identifies what was extracted: see `contentHash` in `source-hashes.ts`. */
  readonly contentHash: string;
  readonly extractionKey: string;
  /** RFC 3339. */
  readonly sentAt: string;
  /** The event this row was made from. */
  readonly source: RecordPlace;
  /** The dataset that the event was ingested for; undefined in records of earlier versions. */
  readonly dataset?: string;
  readonly features: ExtractedClip;
}

const KEY_CHARACTERS = 16;

/** What two rows must share to stand in one dataset: the extraction's settings and the extractor's version. */
export function extractionKeyOf(config: ExtractionConfig, extractorVersion: string): string {
  // Neither the shards' size nor the limits change a row's values.
  const { modalities, audio, video, flow, disturb } = hashedExtraction(config);
  return createHash('sha256')
    .update(
      JSON.stringify([
        [...modalities].sort(),
        sortedKeys(audio),
        sortedKeys(video),
        sortedKeys(flow),
        extractorVersion,
        ...(disturb === undefined ? [] : [disturb]),
      ]),
    )
    .digest('hex')
    .slice(0, KEY_CHARACTERS);
}

function sortedKeys(fields: Readonly<Record<string, unknown>>): [string, unknown][] {
  return Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1));
}

export function encodeFeatureRecord(record: FeatureRecord): Uint8Array {
  const metadata = new Map([
    ['schemaVersion', '1'],
    ['extractionKey', record.extractionKey],
    ['sentAt', record.sentAt],
    ['source', formatPlace(record.source)],
    ...(record.dataset === undefined ? [] : [['dataset', record.dataset] as const]),
  ]);
  const texts: [string, string | null][] = [
    ['clip_id', record.clipId],
    ['label', record.label ?? null],
    ['split', record.split ?? null],
    ['group', record.group ?? null],
    ['source_sha256', record.contentHash],
    ['missing', JSON.stringify(record.features.missing)],
  ];
  const fields: Field[] = [];
  const children: Data[] = [];
  for (const [name, text] of texts) {
    const data = vectorFromArray([text], new Utf8()).data[0];
    if (data === undefined) throw new ModalmixError('internal', `the column ${name} is empty`);
    fields.push(new Field(name, new Utf8(), text === null));
    children.push(data);
  }
  for (const modality of MEDIA_MODALITIES) {
    const feature = record.features[modality];
    if (feature === undefined) continue;
    const item: DataType = feature.data instanceof Float32Array ? new Float32() : new Uint8();
    const type = new FixedSizeList(feature.data.length, new Field('item', item, false));
    fields.push(new Field(modality, type, false, new Map([['shape', JSON.stringify(feature.shape)]])));
    const child =
      feature.data instanceof Float32Array
        ? makeData({ type: new Float32(), data: feature.data })
        : makeData({ type: new Uint8(), data: feature.data });
    children.push(makeData({ type, length: 1, nullCount: 0, child }));
  }
  const schema = new Schema(fields, metadata);
  const data = makeData({ type: new Struct(fields), length: 1, nullCount: 0, children });
  const writer = new RecordBatchStreamWriter();
  writer.write(new RecordBatch(schema, data));
  writer.finish();
  return writer.toUint8Array(true);
}

const jsonText = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'is no JSON' });
    return z.NEVER;
  }
});

const missingSchema = z.partialRecord(
  z.enum(MEDIA_MODALITIES),
  z.strictObject({ code: z.enum(MISSING_CODES), reason: z.string() }),
);

/**
 * The features are views of `bytes`: nothing is copied when their alignment allows it.
 * @throws ModalmixError `input` when the bytes are not such a record
 */
export function decodeFeatureRecord(bytes: Uint8Array): FeatureRecord {
  try {
    return decode(bytes);
  } catch (error) {
    // Whatever Arrow stumbles over: the bytes are anybody's.
    throw error instanceof ModalmixError ? error : invalid('it is no Arrow IPC stream', error);
  }
}

function decode(bytes: Uint8Array): FeatureRecord {
  const problem = arrowStreamProblem(bytes);
  if (problem !== undefined) throw invalid(`it is no Arrow IPC stream: ${problem}`);
  const first = RecordBatchReader.from(aligned(bytes)).next() as IteratorResult<RecordBatch, null>;
  const batch = first.value ?? undefined;
  if (batch?.numRows !== 1) throw invalid('it holds no batch of one row');
  const metadata = featureMetadataSchema.safeParse(Object.fromEntries(batch.schema.metadata));
  if (!metadata.success) throw invalid(`its metadata: ${z.prettifyError(metadata.error)}`);
  const columns = textColumnsSchema.safeParse(
    Object.fromEntries(Object.keys(textColumnsSchema.shape).map((name) => [name, textOf(batch, name)])),
  );
  if (!columns.success) throw invalid(z.prettifyError(columns.error));
  const { clip_id, label, split, group, source_sha256, missing } = columns.data;
  const audio = featureOf(batch, 'audio', Float32Array, 2);
  const rgb = featureOf(batch, 'rgb', Uint8Array, 4);
  const flow = featureOf(batch, 'flow', Uint8Array, 4);
  const { dataset } = metadata.data;
  if (audio === undefined && rgb === undefined && flow === undefined) throw invalid('it has no modality');
  return {
    clipId: clip_id,
    ...(label === null ? {} : { label }),
    ...(split === null ? {} : { split }),
    ...(group === null ? {} : { group }),
    contentHash: source_sha256,
    extractionKey: metadata.data.extractionKey,
    sentAt: metadata.data.sentAt,
    source: parsePlace(metadata.data.source),
    ...(dataset === undefined ? {} : { dataset }),
    features: {
      missing,
      ...(audio === undefined ? {} : { audio }),
      ...(rgb === undefined ? {} : { rgb }),
      ...(flow === undefined ? {} : { flow }),
    },
  };
}

const textColumnsSchema = z.strictObject({
  clip_id: clipIdSchema,
  label: z.string().min(1).nullable(),
  split: splitSchema.nullable(),
  group: z.string().nullable(),
  source_sha256: z.string().min(1),
  missing: jsonText.pipe(missingSchema),
});

function textOf(batch: RecordBatch, name: string): unknown {
  const value: unknown = batch.getChild(name)?.get(0);
  return value;
}

interface Dimensions {
  readonly 2: [number, number];
  readonly 4: [number, number, number, number];
}

function featureOf<T extends Float32Array | Uint8Array, D extends 2 | 4>(
  batch: RecordBatch,
  modality: MediaModality,
  kind: abstract new (...parameters: never[]) => T,
  dimensions: D,
): { data: T; shape: Dimensions[D] } | undefined {
  const index = batch.schema.fields.findIndex((field) => field.name === modality);
  if (index < 0) return undefined;
  const values: unknown = batch.data.children[index]?.children[0]?.values;
  const shape = shapeSchema.safeParse(batch.schema.fields[index]?.metadata.get('shape'));
  if (!(values instanceof kind) || !shape.success || shape.data.length !== dimensions) {
    throw invalid(`its column ${modality} has another type or shape`);
  }
  const length = shape.data.reduce((product, size) => product * size, 1);
  if (values.length < length) throw invalid(`its column ${modality} is shorter than its shape`);
  // Arrow pads buffers to 8 bytes.
  return { data: values.subarray(0, length) as T, shape: shape.data as Dimensions[D] };
}

const shapeSchema = jsonText.pipe(z.array(z.int().positive()).max(4));

/** Arrow's typed arrays must start on a multiple of their width; the client's buffers may start anywhere. */
function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % Float32Array.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
}

function invalid(what: string, cause?: unknown): ModalmixError {
  return new ModalmixError('input', `the feature record is not valid: ${what}`, { cause });
}

export function formatPlace(place: RecordPlace): string {
  return `${place.topic}/${String(place.partition)}/${String(place.offset)}`;
}

function parsePlace(text: string): RecordPlace {
  const match = /^(.+)\/(\d+)\/(\d+)$/u.exec(text);
  if (match?.[1] === undefined) throw invalid('its source is no topic/partition/offset');
  return { topic: match[1], partition: Number(match[2]), offset: Number(match[3]) };
}
