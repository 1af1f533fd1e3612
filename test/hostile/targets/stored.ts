/** Files of a store, damaged by a disk or written by a stranger: each by its own reader, then the whole store by `verify`. */
import { createHash } from 'node:crypto';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { chooseModel } from '../../../pipelines/models/choose-model.ts';
import { readCurrent } from '../../../pipelines/models/registry.ts';
import { loadManifest } from '../../../pipelines/shards/manifest/load-manifest.ts';
import { publishManifest } from '../../../pipelines/shards/publish-manifest.ts';
import { openPlan } from '../../../pipelines/shards/plan/plan-file.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import { getStored, getStoredLines } from '../../../pipelines/store/stored-json.ts';
import {
  emptyStreamManifest,
  findStreamManifest,
} from '../../../pipelines/streaming/sink/stream-manifest.ts';
import { rebuildIndex } from '../../../pipelines/streaming/sink/open-sink.ts';
import { kindOf } from '../../../pipelines/upkeep/file-kinds.ts';
import { verifyStore } from '../../../pipelines/upkeep/verify-store.ts';
import { hashedExtraction } from '../../../schemas/config/extraction-config.ts';
import { streamConfigSchema } from '../../../schemas/config/stream-config.ts';
import type { DatasetManifest } from '../../../schemas/manifest.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { StreamManifest } from '../../../schemas/stream.ts';
import { mutatedBytes } from '../mutate-bytes.ts';
import { mutatedJson, type Json } from '../mutate-values.ts';
import { STREAM_ROW } from '../stream-row.ts';
import type { Target } from '../target.ts';
import { read, scratch, write } from './files.ts';

const KIND = 'files of a store';

export async function storedTargets(seeds: string): Promise<Target[]> {
  const folder = scratch();
  cpSync(join(seeds, 'store'), folder, { recursive: true });
  const store = openStore(`file:${folder}`);
  const paths = await store.list('');
  const bytesOf = new Map(paths.map((path) => [path, read(folder, path)] as const));
  const restore = (path: string) => write(folder, path, bytesOf.get(path) ?? '');
  const json = (path: string) => JSON.parse(read(folder, path).toString()) as Json;
  const found = (pattern: RegExp) => paths.filter((path) => pattern.test(path));
  const { name, version } = json(storePaths.runDataset('tiny-run')) as { name: string; version: string };

  /** One file, put where the reader looks for it, and restored. */
  const one = (
    label: string,
    path: string,
    inputs: fc.Arbitrary<Buffer>,
    use: () => Promise<unknown>,
    judge?: Target<Buffer>['judge'],
  ): Target<Buffer> => ({
    ...{ name: label, kind: KIND, inputs, share: 0.15, ...(judge && { judge }) },
    parse: async (bytes) => {
      write(folder, path, bytes);
      try {
        return await use();
      } finally {
        restore(path);
      }
    },
  });

  const manifestPath = storePaths.manifest(name, version);
  const manifest = await loadManifest(store, name, version);
  const planPath = found(/plans\/[^/]+\.json$/u).find((path) => !path.includes('latest'))!;
  const planBody = found(/plans\/.*\.jsonl$/u)[0]!;
  const readPlan = async () => {
    const plan = await openPlan(store, name, planPath.split('/').at(-1)!.replace('.json', ''));
    const lines = [];
    for await (const line of plan.lines()) lines.push(line);
    for (let n = 0; n < plan.header.shards; n += 1) lines.push(await plan.readLine(n));
    return lines;
  };
  const training = found(/result\.json$/u)[0]!.split('/')[1]!;
  const byKind = found(/\.jsonl?$/u).filter(
    (path) => kindOf(path)?.schema !== undefined && !/plans|manifest/u.test(path),
  );
  return [
    one(
      'manifest',
      manifestPath,
      mutatedJson([json(manifestPath)]),
      async () => await loadManifest(store, name, version),
      (value) =>
        isDeepStrictEqual(value, manifest)
          ? undefined
          : 'a changed manifest was taken for what was published',
    ),
    one('plan-header', planPath, mutatedJson([json(planPath)]), readPlan),
    one('plan-body', planBody, mutatedBytes([bytesOf.get(planBody)!]), readPlan),
    one(
      'publish',
      planPath,
      mutatedJson([json(planPath)]),
      async () => {
        try {
          return await publishManifest({ store, name, version });
        } finally {
          restore(manifestPath);
        }
      },
      (value) =>
        isDeepStrictEqual(ofRows(value as DatasetManifest), ofRows(manifest))
          ? undefined
          : 'a changed plan was published',
    ),
    one(
      'training-config',
      storePaths.runConfig(training),
      mutatedJson([json(storePaths.runConfig(training))]),
      async () => await chooseModel(store, { run: training }),
    ),
    one(
      'run-config',
      storePaths.runConfig('tiny-run'),
      mutatedJson([json(storePaths.runConfig('tiny-run'))]),
      async () => await chooseModel(store, { run: 'tiny-run' }),
    ),
    one(
      'run-dataset',
      storePaths.runDataset('tiny-run'),
      mutatedJson([json(storePaths.runDataset('tiny-run'))]),
      async () => await chooseModel(store, { run: 'tiny-run' }),
    ),
    one(
      'model-version',
      storePaths.modelVersion('tiny', 1),
      mutatedJson([json(storePaths.modelVersion('tiny', 1))]),
      async () => await readCurrent(store, 'tiny'),
    ),
    one(
      'model-move',
      storePaths.modelMove('tiny', 1),
      mutatedJson([json(storePaths.modelMove('tiny', 1))]),
      async () => await readCurrent(store, 'tiny'),
    ),
    ...streamTargets(folder, manifest),
    {
      ...{ name: 'any-json', kind: KIND, share: 0.5 },
      inputs: fc.oneof(
        ...byKind.map((path) => {
          const isLines = path.endsWith('.jsonl');
          const inputs = isLines ? mutatedBytes([bytesOf.get(path)!]) : mutatedJson([json(path)]);
          return inputs.map((bytes) => ({ path, bytes }));
        }),
      ),
      parse: async ({ path, bytes }: { path: string; bytes: Buffer }) => {
        write(folder, path, bytes);
        try {
          const schema = kindOf(path)!.schema!;
          return await (path.endsWith('.jsonl')
            ? getStoredLines(store, path, schema)
            : getStored(store, path, schema));
        } finally {
          restore(path);
        }
      },
      show: ({ path, bytes }: { path: string; bytes: Buffer }) =>
        `${path}: ${JSON.stringify(bytes.toString('latin1').slice(0, 600))}`,
    },
    verifyTarget(folder, bytesOf),
  ];
}

/** What the rows depend on: not the report of the index, nor settings of what is not asked for. */
function ofRows({ index: _, extraction, ...manifest }: DatasetManifest): unknown {
  return { ...manifest, extraction: JSON.stringify(hashedExtraction(extraction)) };
}

/** Shards, weights and checkpoints are named by hashes; damage in them is never taken for what was written. */
const HASHED = /\.arrow$|safetensors$|manifest\.json$|plans\/.*\.jsonl$/u;

function verifyTarget(
  folder: string,
  bytesOf: ReadonlyMap<string, Buffer>,
): Target<{ path: string; bytes: Buffer }> {
  const store = openStore(`file:${folder}`);
  const paths = [...bytesOf.keys()].filter((path) => kindOf(path) !== undefined);
  return {
    ...{ name: 'verify', kind: KIND, share: 0.01 },
    inputs: fc
      .constantFrom(...paths)
      .chain((path) => mutatedBytes([bytesOf.get(path)!]).map((bytes) => ({ path, bytes }))),
    parse: async ({ path, bytes }) => {
      write(folder, path, bytes);
      try {
        return await verifyStore(store);
      } finally {
        write(folder, path, bytesOf.get(path)!);
      }
    },
    judge: (value, { path, bytes }) => {
      const { findings } = value as Awaited<ReturnType<typeof verifyStore>>;
      const isChanged = HASHED.test(path) && !bytes.equals(bytesOf.get(path)!);
      if (!isChanged || findings.some((one) => one.path === path)) return undefined;
      // Other white space and the like in JSON.
      if (path.endsWith('.json') && isDeepStrictEqual(parsed(bytes), parsed(bytesOf.get(path)!)))
        return undefined;
      return `${path} was changed, and nothing was found in it`;
    },
    show: ({ path, bytes }) => `${path}: ${JSON.stringify(bytes.toString('latin1').slice(0, 600))}`,
  };
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

function streamTargets(
  folder: string,
  { name, classNames, extraction, extractorVersion, shards }: DatasetManifest,
): Target[] {
  const store = openStore(`file:${folder}`);
  const entry = shards.find(({ rows }) => rows > 0)!;
  const target = {
    name,
    classNames,
    extraction: extraction as never,
    extractorVersion,
    stream: streamConfigSchema.parse({}),
  };
  const rowsPath = 'datasets/tiny/stream/k/shards/train-0.rows.jsonl';
  const rows = Buffer.from(
    Array.from({ length: entry.rows }, (_, offset) => `${JSON.stringify({ ...STREAM_ROW, offset })}\n`).join(
      '',
    ),
  );
  const manifest: StreamManifest = {
    ...{ ...emptyStreamManifest(target, 'w'), extractionKey: 'k', generation: 1, offsets: { 0: 4 } },
    ...{ shards: [{ entry, rowsPath }], superseded: [{ shard: entry.path, row: 0, clipId: 'a' }] },
    confirmed: [{ clipId: 'a', sentAtMs: 2 }],
  };
  const segment = JSON.stringify({
    formatVersion: 1,
    shards: [{ entry, rowsPath }],
    superseded: [],
    confirmed: [],
  });
  const sha256 = createHash('sha256').update(segment).digest('hex');
  const segmentPath = storePaths.streamSegment(name, 'k', sha256);
  const head = {
    ...{ ...manifest, formatVersion: 2, shards: [], retired: [] },
    segments: [
      { path: segmentPath, sha256, level: 0, shards: 1, superseded: 0, confirmed: 0, lastShard: entry.path },
    ],
  };
  const path = storePaths.streamManifest(name, 'k', 1);
  const use = async () => {
    const found = await findStreamManifest(store, name, 'k');
    return found === undefined ? undefined : await rebuildIndex(store, found, undefined);
  };
  const put = (files: Readonly<Record<string, Buffer | string>>) => {
    for (const [file, bytes] of Object.entries({
      [path]: JSON.stringify(head),
      [segmentPath]: segment,
      [rowsPath]: rows,
      ...files,
    }))
      write(folder, file, bytes);
  };
  const targets: Target<Buffer>[] = [
    {
      ...{
        name: 'stream-manifest',
        kind: KIND,
        share: 0.15,
        inputs: mutatedJson([manifest as unknown as Json, head as unknown as Json]),
      },
      parse: async (bytes) => {
        put({ [path]: bytes });
        return await use();
      },
    },
    {
      ...{
        name: 'stream-rows',
        kind: KIND,
        share: 0.2,
        inputs: fc.oneof(
          mutatedBytes([rows]),
          mutatedJson([STREAM_ROW]).map((line) => Buffer.concat([line, Buffer.from('\n'), rows])),
        ),
      },
      parse: async (bytes) => {
        put({ [rowsPath]: bytes });
        return await use();
      },
    },
  ];
  // Not left behind for `verify`.
  return targets.map((one) => ({
    ...one,
    parse: async (bytes: Buffer) => {
      try {
        return await one.parse(bytes);
      } finally {
        await store.delete('datasets/tiny/stream');
      }
    },
  }));
}
