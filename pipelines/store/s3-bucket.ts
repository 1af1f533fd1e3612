/** The objects of one bucket, by their keys: whole, in parts, or only where nothing is. Broken bodies are read on. */
import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { ModalmixError } from '../../schemas/errors.ts';
import { s3Session, type Session } from './s3-client.ts';
import { requireConditionalWrites } from './s3-conditions.ts';
import { asStoreError, attemptsOf, isMissing, isPassing, isMixed, isTaken, isWordless } from './s3-errors.ts';

const MIB = 2 ** 20;
/** From here on in parts, of at least this size; S3 takes 10,000 parts at most. */
const PART_BYTES = 16 * MIB;
const MOST_PARTS = 10_000;
const PARTS_AT_ONCE = 4;
/** Bodies that break off are read on from where they broke. */
const BODY_ATTEMPTS = 6;
const BODY_PAUSE_MS = 200;
const DELETE_AT_ONCE = 1_000;
/** Tells a writer that lost the answer to its own successful write from one that came second. */
const WRITER = 'modalmix-writer';

export interface ObjectFacts {
  readonly bytes: number;
  readonly etag: string;
  readonly writer: string | undefined;
  readonly writtenAt: Date | undefined;
}

export class S3Bucket {
  readonly #name: string;
  /** What is written to see whether conditional writes are honoured. */
  readonly #probeKey: string;
  #keepsConditions: Promise<void> | undefined;

  constructor(name: string, probeKey: string) {
    this.#name = name;
    this.#probeKey = probeKey;
  }

  /** @returns undefined when there is no such object */
  async find(Key: string): Promise<Buffer | undefined> {
    return await this.#asking(Key, async (session) => {
      for (let attempt = 1; ; attempt += 1) {
        const chunks: Buffer[] = [];
        try {
          const found = await this.#read(
            session,
            Key,
            undefined,
            async (body) => {
              for await (const chunk of body) chunks.push(chunk as Buffer);
            },
            () => chunks.reduce((sum, { length }) => sum + length, 0),
          );
          return found ? Buffer.concat(chunks) : undefined;
        } catch (error) {
          // Replaced while it was read: from the start again.
          if (!isMixed(error) || attempt >= BODY_ATTEMPTS) throw error;
          await sleep(BODY_PAUSE_MS * attempt);
        }
      }
    });
  }

  /** @throws ModalmixError `input` when the object ends before, or is not there */
  async range(Key: string, offset: number, length: number): Promise<Buffer> {
    return await this.#asking(Key, async ({ client, sdk }) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          const Range = `bytes=${String(offset)}-${String(offset + length - 1)}`;
          const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket: this.#name, Key, Range }));
          const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
          if (bytes.length === length) return bytes;
          throw new ModalmixError('input', `the file ends before byte ${String(offset + length)}`, {
            where: `s3://${this.#name}/${Key}`,
          });
        } catch (error) {
          if (isMissing(error)) throw this.nothing(Key);
          if (error instanceof ModalmixError || !isPassing(error) || attempt >= BODY_ATTEMPTS) throw error;
          await sleep(BODY_PAUSE_MS * 2 ** attempt);
        }
      }
    });
  }

  /** Only where nothing is. @returns whether it was written by this call */
  async create(Key: string, bytes: Buffer): Promise<boolean> {
    const writer = randomUUID();
    return await this.#asking(Key, async (session) => {
      const { client, sdk } = session;
      await (this.#keepsConditions ??= this.#probe(session));
      for (let attempt = 1; ; attempt += 1) {
        try {
          await client.send(
            new sdk.PutObjectCommand({
              ...{ Bucket: this.#name, Key, Body: bytes, IfNoneMatch: '*' },
              Metadata: { [WRITER]: writer },
            }),
          );
          return true;
        } catch (error) {
          // Two writers at once: S3 asks both to try again.
          if (statusIsConflict(error) && attempt < BODY_ATTEMPTS) {
            await sleep(BODY_PAUSE_MS * attempt);
            continue;
          }
          if (!isTaken(error)) throw error;
          if (attempt === 1 && attemptsOf(error) === 1) return false;
          return (await this.head(Key))?.writer === writer;
        }
      }
    });
  }

  /** @returns the new object's ETag */
  async upload(Key: string, Body: Buffer | Readable, bytes: number): Promise<string | undefined> {
    const { Upload } = await import('@aws-sdk/lib-storage');
    return await this.#asking(Key, async ({ client }) => {
      const upload = new Upload({
        client,
        params: { Bucket: this.#name, Key, Body },
        partSize: Math.max(PART_BYTES, Math.ceil(bytes / (MOST_PARTS - 1))),
        queueSize: PARTS_AT_ONCE,
        leavePartsOnError: false,
      });
      return (await upload.done()).ETag;
    });
  }

  /** @returns undefined when there is no such object */
  async head(Key: string): Promise<ObjectFacts | undefined> {
    return await this.#asking(Key, async ({ client, sdk }) => {
      const ask = async () => {
        const facts = await client.send(new sdk.HeadObjectCommand({ Bucket: this.#name, Key }));
        return {
          bytes: facts.ContentLength ?? 0,
          etag: facts.ETag ?? '',
          writer: facts.Metadata?.[WRITER],
          writtenAt: facts.LastModified,
        };
      };
      try {
        return await ask().catch(async (error: unknown) => {
          if (!isWordless(error)) throw error;
          // What refuses HEAD has no words; what refuses this has, and where nothing does, it has passed.
          await client.send(new sdk.ListObjectsV2Command({ Bucket: this.#name, Prefix: Key, MaxKeys: 1 }));
          return await ask();
        });
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  async keysUnder(Prefix: string): Promise<string[]> {
    return await this.#asking(Prefix, async ({ client, sdk }) => {
      const keys: string[] = [];
      let ContinuationToken: string | undefined;
      do {
        const page = await client.send(
          new sdk.ListObjectsV2Command({
            ...{ Bucket: this.#name, Prefix },
            ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
          }),
        );
        // A key with "/" at its end is how some servers show a folder.
        for (const { Key } of page.Contents ?? [])
          if (Key !== undefined && !Key.endsWith('/')) keys.push(Key);
        ContinuationToken = page.NextContinuationToken;
      } while (ContinuationToken !== undefined);
      return keys;
    });
  }

  /** @param key what messages name */
  async delete(key: string, keys: readonly string[]): Promise<void> {
    await this.#asking(key, async ({ client, sdk }) => {
      if (keys.length === 1) {
        await client.send(new sdk.DeleteObjectCommand({ Bucket: this.#name, Key: key }));
        return;
      }
      for (let first = 0; first < keys.length; first += DELETE_AT_ONCE) {
        const Objects = keys.slice(first, first + DELETE_AT_ONCE).map((Key) => ({ Key }));
        const Delete = { Objects, Quiet: true };
        const { Errors } = await client.send(new sdk.DeleteObjectsCommand({ Bucket: this.#name, Delete }));
        const failed = Errors?.find(({ Code }) => Code !== 'NoSuchKey');
        if (failed === undefined) continue;
        throw new ModalmixError(
          failed.Code === 'AccessDenied' ? 'config' : 'transient',
          'it cannot be deleted',
          {
            where: `s3://${this.#name}/${failed.Key ?? key}`,
            fix: 'Allow s3:DeleteObject under the prefix.',
          },
        );
      }
    });
  }

  /** Into a new file. @param etag of the version wanted */
  async download(Key: string, etag: string, path: string): Promise<void> {
    await this.#asking(Key, async (session) => {
      const file = await open(path, 'wx');
      try {
        let done = 0;
        const take = async (body: Readable) => {
          for await (const chunk of body) {
            await file.writev([chunk as Buffer], done);
            done += (chunk as Buffer).length;
          }
        };
        if (await this.#read(session, Key, etag, take, () => done)) return;
        throw new ModalmixError('transient', 'it was deleted while it was read', {
          where: `s3://${this.#name}/${Key}`,
        });
      } finally {
        await file.close();
      }
    });
  }

  nothing(Key: string): ModalmixError {
    return new ModalmixError('input', 'nothing is stored there', { where: `s3://${this.#name}/${Key}` });
  }

  /**
   * Reads a body to its end, going on where it broke off, as long as the object stays the same.
   *
   * @param etag of the version wanted; absent: whichever the first answer has
   * @param done bytes taken so far
   * @returns whether there is such an object
   */
  async #read(
    { client, sdk }: Session,
    Key: string,
    etag: string | undefined,
    take: (body: Readable) => Promise<void>,
    done: () => number,
  ): Promise<boolean> {
    let IfMatch = etag;
    for (let attempt = 1; ; attempt += 1) {
      const from = done();
      let answer: GetObjectCommandOutput;
      try {
        answer = await client.send(
          new sdk.GetObjectCommand({
            ...{ Bucket: this.#name, Key },
            ...(IfMatch === undefined ? {} : { IfMatch }),
            ...(from === 0 ? {} : { Range: `bytes=${String(from)}-` }),
          }),
        );
      } catch (error) {
        if (isMissing(error)) return false;
        throw error;
      }
      IfMatch ??= answer.ETag;
      try {
        await take(answer.Body as Readable);
        return true;
      } catch (error) {
        if (!isPassing(error) || attempt >= BODY_ATTEMPTS) throw error;
        // What came is not one version's, or all of it came: nothing is there to read on from. (The stream that
        // finds a wrong checksum may keep its last bytes to itself, so their number does not tell.)
        if (isMixed(error) || done() >= from + (answer.ContentLength ?? Infinity)) throw error;
        await sleep(BODY_PAUSE_MS * 2 ** attempt);
      }
    }
  }

  /** Asked again where it failed for another reason. */
  async #probe({ client, sdk }: Session): Promise<void> {
    try {
      await requireConditionalWrites(client, sdk, this.#name, this.#probeKey);
    } catch (error) {
      this.#keepsConditions = undefined;
      throw error;
    }
  }

  async #asking<T>(key: string, ask: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await ask(await s3Session());
    } catch (error) {
      throw asStoreError(error, { bucket: this.#name, key });
    }
  }
}

function statusIsConflict(error: unknown): boolean {
  return error instanceof Error && error.name === 'ConditionalRequestConflict';
}
