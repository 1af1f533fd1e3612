/** The smallest inputs of faults that `npm run hostile` found, one a kind. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseConfig } from '../../pipelines/config/load-config.ts';
import { parseSetting } from '../../pipelines/config/settings.ts';
import { decodeUmap, encodeUmap } from '../../pipelines/evaluation/umap-table.ts';
import { NpyProblem, parseNpy } from '../../pipelines/extraction/features/npy.ts';
import { openPlan, type PlanLine } from '../../pipelines/shards/plan/plan-file.ts';
import { writePlan } from '../../pipelines/shards/plan/plan-writer.ts';
import { shardKey, VersionHash } from '../../pipelines/shards/plan/shard-key.ts';
import { PLACE_BYTES } from '../../pipelines/shards/plan/plan-places.ts';
import { publishManifest } from '../../pipelines/shards/publish-manifest.ts';
import { readShardColumns } from '../../pipelines/shards/read/shard-columns.ts';
import { buildShard } from '../../pipelines/shards/write/build-shard.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { parseStored } from '../../pipelines/store/stored-json.ts';
import { deadLetterOf, encodeDeadLetter } from '../../pipelines/streaming/dead-letters/dead-letter.ts';
import { EventRejected } from '../../pipelines/streaming/ingest/authorise-clip.ts';
import { parseClipEvent } from '../../pipelines/streaming/ingest/parse-event.ts';
import { rebuildIndex } from '../../pipelines/streaming/sink/open-sink.ts';
import { arrowProblem } from '../../pipelines/upkeep/read-store.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { StreamManifest } from '../../schemas/stream.ts';
import { indexOf, smallExtraction } from '../pipelines/shards/fixtures.ts';
import { STREAM_ROW } from './stream-row.ts';

const folder = mkdtempSync(join(tmpdir(), 'modalmix-found-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const store = openStore(`file:${folder}`);
const DEEP = 20_000;
const nested = '['.repeat(DEEP) + ']'.repeat(DEEP);

/** Of processor time, ms. */
function timeOf(work: () => void): number {
  const began = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1_000;
}

describe('what is nested twenty thousand times', () => {
  it('in an event is a dead letter, and stops no worker', () => {
    const event = (field: string) => Buffer.from(`{"${field}":${nested}}`);
    for (const field of ['schemaVersion', 'clipId', 'other']) {
      expect(() => parseClipEvent(event(field), ['dog'])).toThrow(EventRejected);
    }
  });

  it('in a config or on the command line is told by its file', () => {
    const where = { kind: 'config', where: '/x/c.yaml' };
    expect(() => parseConfig(`name: ${nested}`, '/x/c.yaml')).toThrow(
      expect.objectContaining(where) as Error,
    );
    expect(() => parseSetting(`name=${nested}`)).toThrow(ModalmixError);
  });

  it('in a file of the store is told by its path', () => {
    const parse = () => parseStored(Buffer.from(nested), z.json(), 'plans/a.json');
    expect(parse).toThrow(expect.objectContaining({ kind: 'input', where: 'plans/a.json' }) as Error);
  });
});

it('a .npy header of spaces takes no time by the cube of their number', () => {
  const text = `{${' '.repeat(60_000)}x`;
  const start = Buffer.from('\x93NUMPY\x01\x00..', 'latin1');
  start.writeUInt16LE(text.length, 8);
  const file = Buffer.concat([start, Buffer.from(text)]);
  expect(timeOf(() => expect(() => parseNpy(file)).toThrow(NpyProblem))).toBeLessThan(1_000);
});

describe('a plan', () => {
  const extraction = smallExtraction();
  const facts = { classNames: ['even', 'odd'], extraction, extractorVersion: 'made up' };
  const clips = [0, 1].map((label) => ({
    ...{ clipId: `clip-${String(label)}`, path: '/nowhere.mp4', label, sourceSha256: 'ab'.repeat(32) },
    stamps: [[1, 1]] as [number, number][],
  }));
  const line: PlanLine = { split: 'train', key: shardKey('train', clips, facts), clips };
  const hash = new VersionHash(facts);
  hash.add(line.key);
  const version = hash.version();
  const content = { ...facts, name: 'a', version, featureKey: '0'.repeat(16), index: indexOf([]).report };
  const file = (end: string) => join(folder, 'datasets/a/plans', `${version}${end}`);
  const body = async () => {
    await writePlan(store, content, [line]);
    const { hash } = (JSON.parse(readFileSync(file('.json'), 'utf8')) as { body: { hash: string } }).body;
    return file(`-${hash}.jsonl`);
  };

  it('whose table asks for four gigabytes, or for fewer than none, is refused and ends no worker', async () => {
    const path = await body();
    const whole = readFileSync(path);
    for (const [offset, bytes] of [
      [0n, 0xffff_ffff],
      [2n ** 52n, 10],
      [BigInt(whole.length), 1],
    ] as const) {
      const damaged = Buffer.from(whole);
      damaged.writeBigUInt64LE(offset, damaged.length - PLACE_BYTES);
      damaged.writeUInt32LE(bytes, damaged.length - PLACE_BYTES + 8);
      writeFileSync(path, damaged);
      const plan = await openPlan(store, 'a', version);
      await expect(plan.readLine(0)).rejects.toMatchObject({ kind: 'input', where: path });
    }
  });

  it('that gives a clip another class than it was planned with builds nothing', async () => {
    const path = await body();
    writeFileSync(path, readFileSync(path, 'latin1').replace('"label":0', '"label":1'), 'latin1');
    const extractor = { version: 'made up', extract: () => Promise.reject(new Error('asked')) };
    await expect(buildShard({ store, name: 'a', version, shardIndex: 0, extractor })).rejects.toMatchObject({
      ...{ kind: 'input', message: expect.stringContaining('damaged') as string },
    });
  });

  it('whose classes have other names is not published', async () => {
    await body();
    writeFileSync(file('.json'), readFileSync(file('.json'), 'utf8').replace('"odd"', '"old"'));
    await expect(publishManifest({ store, name: 'a', version })).rejects.toMatchObject({
      ...{ kind: 'input', message: expect.stringContaining('damaged') as string },
    });
  });
});

describe('an Arrow file', () => {
  const points = [0, 1, 2].map((x) => ({
    clipId: String(x),
    split: 'test',
    label: x,
    space: 'audio',
    x,
    y: x,
  }));
  const whole = Buffer.from(encodeUmap(points));

  it('that says it has 2⁴⁰ of anything is refused, wherever it says so', () => {
    let changed = 0;
    for (let at = 0; at + 8 <= whole.length; at += 4) {
      if (whole.readBigInt64LE(at) !== 3n && whole.readInt32LE(at) !== 3) continue;
      const damaged = Buffer.from(whole);
      if (whole.readBigInt64LE(at) === 3n) damaged.writeBigInt64LE(2n ** 40n, at);
      else damaged.writeInt32LE(0x7fff_ffff, at);
      changed += 1;
      try {
        expect(decodeUmap(damaged, 'umap.arrow')).toHaveLength(3);
      } catch (error) {
        expect(error).toBeInstanceOf(ModalmixError);
      }
    }
    expect(changed).toBeGreaterThan(4);
  });

  it('with one damaged byte never keeps `verify` for ever', () => {
    const ms = timeOf(() => {
      for (let at = 0; at < whole.length; at += 1) {
        for (const flip of [0x01, 0x80]) {
          const damaged = Buffer.from(whole);
          damaged[at]! ^= flip;
          arrowProblem(damaged);
        }
      }
    });
    expect(ms).toBeLessThan(20_000);
  });

  it('whose first message has no end is no shard', async () => {
    const path = 'datasets/a/shards/train-0.arrow';
    const entry = {
      path,
      split: 'train',
      key: '0',
      rows: 3,
      bytes: 0,
      sha256: '',
      classCounts: [3],
      missingCounts: {},
      sums: {},
      quarantined: [],
    } as const;
    for (const length of [-8, 0x7fff_fff8]) {
      const damaged = Buffer.from(whole);
      damaged.writeInt32LE(length, 12);
      await store.put(path, damaged);
      await expect(
        readShardColumns(store, { ...entry, classCounts: [3], quarantined: [] }),
      ).rejects.toMatchObject({ kind: 'input' });
    }
  });
});

describe('the rows of a stream’s shard', () => {
  const rowsPath = 'datasets/a/stream/k/shards/train-0.rows.jsonl';
  const manifest = {
    superseded: [],
    shards: [{ rowsPath, entry: { path: 'train-0.arrow', rows: 2 } }],
  } as unknown as StreamManifest;

  it.each([
    ['with a line that is none', `${JSON.stringify(STREAM_ROW)}\n{"clipId":\n`, 'line 2'],
    [
      'with a field of another name',
      `${JSON.stringify({ ...STREAM_ROW, odfset: 1 })}\n${JSON.stringify(STREAM_ROW)}\n`,
      'line 1',
    ],
    ['that lost one', `${JSON.stringify(STREAM_ROW)}\n`, 'rows.jsonl'],
  ])('%s stop the sink with one sentence', async (what, text, where) => {
    await store.put(rowsPath, text);
    await expect(rebuildIndex(store, manifest, undefined)).rejects.toMatchObject({
      // A field that nobody knows is taken for a newer release's.
      kind: what.includes('another name') ? 'config' : 'input',
      where: expect.stringContaining(where) as string,
    });
  });
});

describe('a message about a megabyte', () => {
  it('is a screenful, and says how much is left out', () => {
    const error = new ModalmixError('input', 'x'.repeat(1_000_000), { where: 'y'.repeat(1_000_000) });
    expect(error.message).toMatch(/^x{8000}… \(992000 characters more\)$/u);
    expect(error.where?.length).toBeLessThan(2_100);
  });

  it('of a key is a letter that brokers take', () => {
    const key = Buffer.alloc(1_000_000, 0xff);
    const message = { topic: 't', partition: 0, offset: 0, key, value: key };
    const { value } = encodeDeadLetter(deadLetterOf(message, 'malformed-json', 'x'));
    expect(value.length).toBeLessThan(200_000);
  });
});

it('a name of thousands of characters is told as what it is, before the system says no', async () => {
  const name = 'a'.repeat(5_000);
  for (const ask of [store.find(name), store.exists(`runs/${name}/x`), store.put(name, 'x')]) {
    await expect(ask).rejects.toMatchObject({ kind: 'input', where: store.uri });
  }
  const error: unknown = await store.get(name).catch((thrown: unknown) => thrown);
  expect((error as ModalmixError).message.length).toBeLessThan(200);
});
