/**
 * The plan of a dataset's version: line 0 is a header, then a line a shard. The header says where each line
 * lies, so that building one shard of many thousands reads only its own.
 */
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { indexReportSchema, splitSchema } from '../../schemas/clip.ts';
import { extractionConfigSchema } from '../../schemas/config.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import type { Store } from '../store/store.ts';

const planClipSchema = z.strictObject({
  clipId: z.string(),
  path: z.string(),
  audioPath: z.string().optional(),
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
export type PlanLine = z.infer<typeof planLineSchema>;

const planHeaderSchema = z.strictObject({
  formatVersion: z.literal(1),
  name: z.string(),
  version: z.string(),
  classNames: z.array(z.string()),
  extraction: extractionConfigSchema,
  extractorVersion: z.string(),
  /** Equal for plans whose features are computed alike. */
  featureKey: z.string(),
  /** The plan before this one with the same features. */
  previous: z.string().optional(),
  index: indexReportSchema,
  /** By shard; `offset` in bytes from the end of the header's line. */
  shards: z.array(
    z.strictObject({ split: splitSchema, key: z.string(), clips: z.int(), offset: z.int(), bytes: z.int() }),
  ),
});
export type PlanHeader = z.infer<typeof planHeaderSchema>;

export async function writePlan(
  store: Store,
  header: Omit<PlanHeader, 'shards'>,
  lines: readonly PlanLine[],
): Promise<void> {
  const texts = lines.map((line) => `${JSON.stringify(line)}\n`);
  let offset = 0;
  const shards = lines.map((line, i) => {
    const bytes = Buffer.byteLength(texts[i] ?? '');
    const place = { split: line.split, key: line.key, clips: line.clips.length, offset, bytes };
    offset += bytes;
    return place;
  });
  const scratch = await store.scratchFolder();
  try {
    const local = join(scratch, 'plan.jsonl');
    const file = await open(local, 'wx');
    try {
      await file.writeFile(`${JSON.stringify({ ...header, shards })}\n`);
      for (const text of texts) await file.writeFile(text);
    } finally {
      await file.close();
    }
    await store.putFile(storePaths.plan(header.name, header.version), local);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

export interface OpenPlan {
  readonly header: PlanHeader;
  readLine(shardIndex: number): Promise<PlanLine>;
  close(): Promise<void>;
}

/** @throws ModalmixError `input` when there is no such plan, or it is not one */
export async function openPlan(store: Store, name: string, version: string): Promise<OpenPlan> {
  const path = storePaths.plan(name, version);
  if (!(await store.exists(path))) {
    throw new ModalmixError('input', `the dataset "${name}" has no plan ${version}`, {
      where: `${store.uri}/${path}`,
      fix: 'Run the rebuild from its start.',
    });
  }
  const file = await open(await store.localFile(path), 'r');
  const parse = <T>(schema: z.ZodType<T>, text: string): T => {
    try {
      return schema.parse(JSON.parse(text));
    } catch (cause) {
      throw new ModalmixError('input', 'the plan cannot be read', {
        where: `${store.uri}/${path}`,
        fix: 'Delete it and run the rebuild again.',
        cause,
      });
    }
  };
  try {
    const headerText = await readFirstLine(file);
    const header = parse(planHeaderSchema, headerText);
    const bodyStart = Buffer.byteLength(headerText) + 1;
    return {
      header,
      readLine: async (shardIndex) => {
        const place = header.shards[shardIndex];
        if (place === undefined) {
          throw new ModalmixError(
            'input',
            `there is no shard ${String(shardIndex)}: the plan has ${String(header.shards.length)}`,
            { where: path },
          );
        }
        const bytes = Buffer.alloc(place.bytes);
        await file.read(bytes, 0, place.bytes, bodyStart + place.offset);
        return parse(planLineSchema, bytes.toString('utf8'));
      },
      close: async () => {
        await file.close();
      },
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readFirstLine(file: Awaited<ReturnType<typeof open>>): Promise<string> {
  const chunks: Buffer[] = [];
  for (let position = 0; ;) {
    const chunk = Buffer.alloc(1 << 16);
    const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
    const end = chunk.subarray(0, bytesRead).indexOf(0x0a);
    chunks.push(chunk.subarray(0, end === -1 ? bytesRead : end));
    if (end !== -1 || bytesRead === 0) return Buffer.concat(chunks).toString('utf8');
    position += bytesRead;
  }
}
