/** What a run and a stream have made, to the byte; and that nothing is lost, twice, or left over. */
import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Extractor } from '../../pipelines/extraction/extractor.ts';
import type { Store } from '../../pipelines/store/store.ts';
import type { ClipEvent } from '../../schemas/stream.ts';
import { CHECKPOINT_EVERY_STEPS } from '../support/project.ts';
import type { StreamFixture } from '../support/stream-fixture.ts';

const POLL_MS = 500;
/** The length of a safetensors header stands before it. */
const LENGTH_BYTES = 8;

/** By path: the hash of all that does not say when or where it was made. */
export async function outcomeOf(store: Store): Promise<Map<string, string>> {
  const paths = [...(await store.list('datasets')), ...(await store.list('runs'))].filter((path) =>
    /\.arrow$|\/manifest\.json$|\/model\.safetensors$|\/best\.safetensors$|\/step-\d+\.safetensors$/u.test(
      path,
    ),
  );
  const files = paths.map(async (path) => {
    const bytes = await store.get(path);
    return [path, digest(path.includes('/checkpoints/') ? tensorsOf(bytes) : bytes)] as const;
  });
  return new Map(await Promise.all(files));
}

/** @throws Error naming the files that are lost, new or other than expected */
export function expectOutcome(
  found: ReadonlyMap<string, string>,
  expected: ReadonlyMap<string, string>,
): void {
  const differs = (path: string) => found.get(path) !== expected.get(path);
  const settled = stopsOf(found, expected);
  const wrong = [...new Set([...found.keys(), ...expected.keys()])].filter(
    (path) => differs(path) && !settled.has(path),
  );
  if (wrong.length > 0) throw new Error(`a file of the run is lost, new or another one: ${wrong.join(', ')}`);
}

/**
 * A worker that is told to end, as a supervisor tells that of a dead one, leaves a checkpoint of the step that it is at: of as
 * many as are kept the oldest regular one is then gone.
 *
 * @returns checkpoints between two regular steps, and as many of the oldest regular ones that are not there
 */
function stopsOf(found: ReadonlyMap<string, string>, expected: ReadonlyMap<string, string>): Set<string> {
  const checkpoints = (of: ReadonlyMap<string, string>) =>
    [...of.keys()].filter((path) => stepOf(path) !== undefined).sort();
  const stops = checkpoints(found).filter(
    (path) => !expected.has(path) && stepOf(path)! % CHECKPOINT_EVERY_STEPS !== 0,
  );
  const gone = checkpoints(expected).slice(0, stops.length);
  return new Set([...stops, ...gone.filter((path) => !found.has(path))]);
}

/** Undefined of what is no checkpoint of a step. */
function stepOf(path: string): number | undefined {
  const step = /\/step-(\d+)\.safetensors$/u.exec(path)?.[1];
  return step === undefined ? undefined : Number(step);
}

/**
 * Waits until the stream has each clip, exactly once, with the features of an extraction in this process.
 *
 * @throws Error saying what is missing, twice or another
 */
export async function expectStream(
  stream: StreamFixture,
  events: readonly ClipEvent[],
  extractor: Extractor,
  patienceMs: number,
): Promise<void> {
  const wanted = events.map(({ clipId }) => clipId).sort();
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const counts = (await stream.manifest())?.counts;
    if (counts !== undefined && counts.rows - counts.superseded >= wanted.length) break;
    if (performance.now() > deadline)
      throw new Error(`the stream has ${JSON.stringify(counts)} of ${String(wanted.length)} clips`);
    await sleep(POLL_MS);
  }
  const rows = await stream.liveRows();
  const found = rows.map(({ clipId }) => clipId).sort();
  if (found.join() !== wanted.join()) throw new Error(`the stream has ${found.join(', ')}`);
  const { counts } = (await stream.manifest())!;
  if (counts.deadLetters > 0) throw new Error(`${String(counts.deadLetters)} clips became dead letters`);
  for (const { clipId, features } of rows) {
    const path = fileURLToPath(events.find((event) => event.clipId === clipId)!.uri);
    const clip = { clipId, path, label: 0, split: 'train' } as const;
    const direct = await extractor.extract(clip, stream.settings.target.extraction);
    for (const modality of ['audio', 'rgb'] as const) {
      const [row, own] = [features[modality]?.data, direct[modality]?.data];
      if (row === undefined || own === undefined || digest(row) !== digest(own)) {
        throw new Error(`${clipId} has another ${modality} than its file`);
      }
    }
  }
}

/** What killed processes left in a folder is gone with the next one that works there: here, this one. */
export async function expectNothingTemporary(store: Store): Promise<void> {
  await rm(await store.scratchFolder(), { recursive: true });
  const left = await readdir(fileURLToPath(`${store.uri}/.tmp`));
  if (left.length > 0) throw new Error(`left in the store: ${left.join(', ')}`);
}

/** Of a safetensors file: its header says, in checkpoints, how long the epochs took too. */
function tensorsOf(bytes: Buffer): Buffer {
  return bytes.subarray(LENGTH_BYTES + Number(bytes.readBigUInt64LE(0)));
}

function digest(bytes: Uint8Array | Float32Array): string {
  const { buffer, byteOffset, byteLength } = bytes;
  return createHash('sha256')
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('hex');
}
