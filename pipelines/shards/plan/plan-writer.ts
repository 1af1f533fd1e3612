/** Plans written: the body line by line, then the header that names it. */
import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { storePaths } from '../../../schemas/names.ts';
import { inFolder } from '../../store/scratch.ts';
import type { Store } from '../../store/store.ts';
import type { PlanContent, PlanLine, planHeaderSchema } from './plan-file.ts';
import { encodePlace } from './plan-places.ts';

const HASH_DIGITS = 16;
const WRITTEN_BYTES = 2 ** 20;

type Header = z.infer<typeof planHeaderSchema>;

/** Lines as they come: a plan's body, in a local file. */
export class PlanBodyWriter {
  readonly #file: FileHandle;
  readonly #sha256 = createHash('sha256');
  readonly #places: Buffer[] = [];
  readonly #lineBytes: number[] = [];
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #offset = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** @param path of a file that is not there yet */
  static async begin(path: string): Promise<PlanBodyWriter> {
    return new PlanBodyWriter(await open(path, 'wx'));
  }

  async add(line: PlanLine): Promise<void> {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    const { split, key, clips } = line;
    this.#lineBytes.push(bytes.length);
    this.#places.push(
      encodePlace({ split, key, clips: clips.length, offset: this.#offset, bytes: bytes.length }),
    );
    this.#offset += bytes.length;
    await this.#append(bytes);
  }

  async end(): Promise<PlanBodyFacts> {
    const placesOffset = this.#offset;
    await this.#append(Buffer.concat(this.#places));
    await this.#flush();
    await this.close();
    const hash = this.#sha256.digest('hex').slice(0, HASH_DIGITS);
    return { body: { hash, placesOffset }, lineBytes: this.#lineBytes };
  }

  /** Also for whoever stops before the end. */
  async close(): Promise<void> {
    await this.#file.close();
  }

  async #append(bytes: Buffer): Promise<void> {
    this.#sha256.update(bytes);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes >= WRITTEN_BYTES) await this.#flush();
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting.splice(0));
    this.#waitingBytes = 0;
    await this.#file.writeFile(bytes);
  }
}

export interface PlanBodyFacts {
  /** As the plan's header says it. */
  readonly body: Header['body'];
  /** Length of each line with its end. */
  readonly lineBytes: readonly number[];
}

/** Moves the body, a local file, into the store; then the plan is there. */
export async function publishPlan(
  store: Store,
  content: PlanContent,
  file: string,
  { body, lineBytes }: PlanBodyFacts,
): Promise<void> {
  const { name, version } = content;
  await store.putFile(storePaths.planBody(name, version, body.hash), file);
  const header: Header = { formatVersion: 2, ...content, shards: lineBytes.length, body };
  await store.put(storePaths.plan(name, version), `${JSON.stringify(header)}\n`);
}

/** A plan whose lines are at hand. */
export async function writePlan(
  store: Store,
  content: PlanContent,
  lines: Iterable<PlanLine> | AsyncIterable<PlanLine>,
): Promise<void> {
  await inFolder(await store.scratchFolder(), async (scratch) => {
    const local = join(scratch, 'plan.jsonl');
    const body = await PlanBodyWriter.begin(local);
    let facts: PlanBodyFacts;
    try {
      for await (const line of lines) await body.add(line);
      facts = await body.end();
    } catch (error) {
      await body.close();
      throw error;
    }
    await publishPlan(store, content, local, facts);
  });
}
