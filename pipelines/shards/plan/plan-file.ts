/**
 * The plan of a dataset's version: a small header, which a worker reads whole, and a body, of which it reads its
 * shard's part. The body is a JSON line a shard, then a record of fixed width a shard that says where the line
 * lies. The header names the body by its hash, so that a plan that is written again is never half old.
 */
import { z } from 'zod';
import { indexReportSchema, splitSchema, type Split } from '../../../schemas/clip.ts';
import { storedExtractionSchema } from '../../../schemas/config/extraction-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { storePaths } from '../../../schemas/names.ts';
import { NewerVersionError, stored } from '../../../schemas/versions.ts';
import type { Store } from '../../store/store.ts';
import { parseStored } from '../../store/stored-json.ts';
import { PLACE_BYTES, decodePlaces, type PlanPlace } from './plan-places.ts';

const planClipSchema = z.strictObject({
  clipId: z.string(),
  path: z.string(),
  audioPath: z.string().optional(),
  features: z.record(z.string(), z.string()).optional(),
  label: z.int(),
  group: z.string().optional(),
  startS: z.number().optional(),
  endS: z.number().optional(),
  /** Of the source file or files; empty when there is a `problem`. */
  sourceSha256: z.string(),
  /** [bytes, modification time in ms] of each source file when it was hashed. */
  stamps: z.array(z.tuple([z.number(), z.number()])),
  /** Why it goes to quarantine without being tried. */
  problem: z.strictObject({ code: z.string(), reason: z.string() }).optional(),
  /** An older shard that has this very row's features: its split and key, and the clip's id there. */
  reuse: z.strictObject({ split: splitSchema, key: z.string(), clipId: z.string() }).optional(),
});
export type PlanClip = z.infer<typeof planClipSchema>;

const planLineSchema = z.strictObject({
  split: splitSchema,
  key: z.string(),
  /** In the order of the shard's rows. */
  clips: z.array(planClipSchema),
});
stored('plan-part', planLineSchema);
export type PlanLine = z.infer<typeof planLineSchema>;

const headerFields = {
  name: z.string(),
  version: z.string(),
  classNames: z.array(z.string()),
  extraction: storedExtractionSchema,
  extractorVersion: z.string(),
  /** Equal for plans whose features are computed alike. */
  featureKey: z.string(),
  /** The plan before this one with the same features. */
  previous: z.string().optional(),
  index: indexReportSchema,
};
export const planHeaderSchema = z.strictObject({
  formatVersion: z.literal(2),
  ...headerFields,
  shards: z.int(),
  body: z.strictObject({
    /** Names the body's file; the first digits of its sha256. */
    hash: z.string(),
    /** Where the records of fixed width begin. */
    placesOffset: z.int(),
  }),
});
stored('plan', planHeaderSchema);
/** Of rebuilds that were begun before format 2; `offset` in bytes from the end of the header's line. */
const headerSchema1 = z.strictObject({
  formatVersion: z.literal(1),
  ...headerFields,
  shards: z.array(
    z.strictObject({ split: splitSchema, key: z.string(), clips: z.int(), offset: z.int(), bytes: z.int() }),
  ),
});

export type PlanContent = Omit<z.infer<typeof planHeaderSchema>, 'formatVersion' | 'shards' | 'body'>;
export interface PlanHeader extends PlanContent {
  readonly shards: number;
}

/** Lines and records are read so much at a time by whoever reads them all. */
const READ_BYTES = 4 * 2 ** 20;

export interface OpenPlan {
  readonly header: PlanHeader;
  /** @throws ModalmixError `input` when there is no such shard */
  readLine(shardIndex: number): Promise<PlanLine>;
  /** The shards' splits and keys, in order. */
  places(): AsyncIterable<{ readonly split: Split; readonly key: string }>;
  /** All lines, in order. */
  lines(): AsyncIterable<PlanLine>;
}

/** Where a plan's lines are. */
interface Body {
  readonly path: string;
  /** Bytes before the first line. */
  readonly start: number;
  places(first: number, count: number): Promise<readonly PlanPlace[]>;
}

export async function planExists(store: Store, name: string, version: string): Promise<boolean> {
  return (
    (await store.exists(storePaths.plan(name, version))) ||
    (await store.exists(storePaths.planFormat1(name, version)))
  );
}

/** @throws ModalmixError `input` when there is no such plan, or it is not one */
export async function openPlan(store: Store, name: string, version: string): Promise<OpenPlan> {
  const path = storePaths.plan(name, version);
  let bytes = await store.find(path);
  if (bytes === undefined) {
    const earlier = await store.find(storePaths.planFormat1(name, version));
    if (earlier !== undefined) return openFormat1(store, name, version, earlier);
    // Written as it is now between the two looks, by `modalmix migrate`.
    bytes = await store.find(path);
  }
  if (bytes === undefined) {
    throw new ModalmixError('input', `the dataset "${name}" has no plan ${version}`, {
      where: `${store.uri}/${path}`,
      fix: 'Run the rebuild from its start.',
    });
  }
  const { formatVersion: _format, body, ...header } = parse(store, path, planHeaderSchema, bytes);
  const bodyPath = storePaths.planBody(name, version, body.hash);
  return opened(store, header, {
    path: bodyPath,
    start: 0,
    places: async (first, count) => {
      const offset = body.placesOffset + first * PLACE_BYTES;
      return decodePlaces(await store.range(bodyPath, offset, count * PLACE_BYTES));
    },
  });
}

function openFormat1(store: Store, name: string, version: string, bytes: Buffer): OpenPlan {
  const path = storePaths.planFormat1(name, version);
  const end = bytes.indexOf(0x0a);
  const {
    formatVersion: _format,
    shards,
    ...content
  } = parse(store, path, headerSchema1, bytes.subarray(0, end === -1 ? bytes.length : end));
  return opened(
    store,
    { ...content, shards: shards.length },
    {
      path,
      start: end + 1,
      places: async (first, count) => await Promise.resolve(shards.slice(first, first + count)),
    },
  );
}

function opened(store: Store, header: PlanHeader, body: Body): OpenPlan {
  const line = (bytes: Buffer) => parse(store, body.path, planLineSchema, bytes);
  async function* pages(): AsyncIterable<readonly PlanPlace[]> {
    const size = Math.floor(READ_BYTES / PLACE_BYTES);
    for (let first = 0; first < header.shards; first += size) {
      yield await body.places(first, Math.min(size, header.shards - first));
    }
  }
  return {
    header,
    readLine: async (shardIndex) => {
      if (shardIndex < 0 || shardIndex >= header.shards) {
        const message = `there is no shard ${String(shardIndex)}: the plan has ${String(header.shards)}`;
        throw new ModalmixError('input', message, { where: body.path });
      }
      const [place] = await body.places(shardIndex, 1);
      return line(await store.range(body.path, body.start + place!.offset, place!.bytes));
    },
    places: async function* () {
      for await (const page of pages()) yield* page;
    },
    lines: async function* () {
      for await (const page of pages()) {
        for (const run of runsOf(page)) {
          const first = run[0]!.offset;
          const last = run.at(-1)!;
          const bytes = await store.range(body.path, body.start + first, last.offset + last.bytes - first);
          for (const { offset, bytes: length } of run) {
            yield line(bytes.subarray(offset - first, offset - first + length));
          }
        }
      }
    },
  };
}

/** Neighbouring lines that are read together. */
function runsOf(places: readonly PlanPlace[]): PlanPlace[][] {
  const runs: PlanPlace[][] = [];
  let bytes = Infinity;
  for (const place of places) {
    if (bytes + place.bytes > READ_BYTES) {
      runs.push([]);
      bytes = 0;
    }
    runs.at(-1)!.push(place);
    bytes += place.bytes;
  }
  return runs;
}

function parse<T>(store: Store, path: string, schema: z.ZodType<T>, bytes: Buffer): T {
  try {
    return parseStored(bytes, schema, `${store.uri}/${path}`);
  } catch (cause) {
    if (cause instanceof NewerVersionError) throw cause;
    throw new ModalmixError('input', 'the plan cannot be read', {
      where: `${store.uri}/${path}`,
      fix: 'Delete it and run the rebuild again.',
      cause,
    });
  }
}
