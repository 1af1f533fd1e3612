/**
 * A store in a bucket of S3 or any server that speaks its protocol. An object appears whole or not at all, which
 * is all the atomicity that the store promises; large ones go up in parts. Endpoint, region and credentials are
 * those of the AWS environment (AWS_ENDPOINT_URL, AWS_REGION, AWS_PROFILE, …).
 */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type * as S3 from '@aws-sdk/client-s3';
import type { GetObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { ModalmixError } from '../../schemas/errors.ts';
import { localCacheFromEnvironment, type LocalCache, type Version } from './local-cache.ts';
import { PROBE_NAME, requireConditionalWrites } from './s3-conditions.ts';
import { asStoreError, attemptsOf, isMissing, isPassing, isMixed, isTaken } from './s3-errors.ts';
import type { PutFileOptions, Store } from './store.ts';

const MIB = 2 ** 20;
/** From here on in parts, of at least this size; S3 takes 10,000 parts at most. */
const PART_BYTES = 16 * MIB;
const MOST_PARTS = 10_000;
const PARTS_AT_ONCE = 4;
/** The SDK's own retries back off to 10 s or so in all: a server that restarts is waited for. */
const ATTEMPTS = 10;
const CONNECTION_TIMEOUT_MS = 5_000;
/** Without a byte on the socket. */
const SILENCE_TIMEOUT_MS = 60_000;
const SOCKETS = 64;
/** Bodies that break off are read on from where they broke. */
const BODY_ATTEMPTS = 6;
const BODY_PAUSE_MS = 200;
const DELETE_AT_ONCE = 1_000;
/** Tells a writer that lost the answer to its own successful write from one that came second. */
const WRITER = 'modalmix-writer';

type Sdk = typeof S3;
interface Session {
  readonly sdk: Sdk;
  readonly client: S3Client;
}

interface ObjectFacts {
  readonly bytes: number;
  readonly etag: string;
  readonly writer: string | undefined;
  readonly writtenAt: Date | undefined;
}

/** One a process: sockets are shared, and loading the SDK takes a quarter of a second. */
let opened: Promise<Session> | undefined;

export class S3Store implements Store {
  readonly uri: string;
  readonly movesFiles = false;
  readonly #bucket: string;
  /** Empty, or with a `/` at its end. */
  readonly #prefix: string;
  #cache: LocalCache | undefined;
  #keepsConditions: Promise<void> | undefined;

  /** @throws ModalmixError `config` when the URI names no bucket */
  constructor(uri: string) {
    const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/+([^?#]*))?$/u.exec(uri);
    if (match?.[1] === undefined) {
      throw new ModalmixError('config', `"${uri}" names no bucket`, {
        where: 'store',
        fix: 'Write it as s3://<bucket>/<prefix>, without credentials.',
      });
    }
    this.#bucket = match[1];
    const prefix = (match[2] ?? '').split('/').filter((part) => part !== '');
    this.#prefix = prefix.map((part) => `${part}/`).join('');
    this.uri = ['s3:/', this.#bucket, ...prefix].join('/');
  }

  async get(path: string): Promise<Buffer> {
    const bytes = await this.find(path);
    if (bytes === undefined) throw this.#nothing(path);
    return bytes;
  }

  async find(path: string): Promise<Buffer | undefined> {
    const Key = this.#key(path);
    return await this.#asking(Key, async ({ client, sdk }) => {
      for (let attempt = 1; ; attempt += 1) {
        const chunks: Buffer[] = [];
        try {
          const found = await this.#read(
            Key,
            undefined,
            async (body) => {
              for await (const chunk of body) chunks.push(chunk as Buffer);
            },
            () => chunks.reduce((sum, { length }) => sum + length, 0),
            client,
            sdk,
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

  async range(path: string, offset: number, length: number): Promise<Buffer> {
    if (length === 0) return Buffer.alloc(0);
    const Key = this.#key(path);
    return await this.#asking(Key, async ({ client, sdk }) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          const Range = `bytes=${String(offset)}-${String(offset + length - 1)}`;
          const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket: this.#bucket, Key, Range }));
          const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
          if (bytes.length === length) return bytes;
          throw new ModalmixError('input', `the file ends before byte ${String(offset + length)}`, {
            where: `${this.uri}/${path}`,
          });
        } catch (error) {
          if (isMissing(error)) throw this.#nothing(path);
          if (error instanceof ModalmixError || !isPassing(error) || attempt >= BODY_ATTEMPTS) throw error;
          await sleep(BODY_PAUSE_MS * 2 ** attempt);
        }
      }
    });
  }

  async exists(path: string): Promise<boolean> {
    return (await this.#head(this.#key(path))) !== undefined;
  }

  async size(path: string): Promise<number | undefined> {
    return (await this.#head(this.#key(path)))?.bytes;
  }

  async writtenAt(path: string): Promise<Date | undefined> {
    return (await this.#head(this.#key(path)))?.writtenAt;
  }

  async list(prefix: string): Promise<string[]> {
    const keys = await this.#keysUnder(`${this.#key(prefix)}/`);
    return keys.map((key) => key.slice(this.#prefix.length)).sort();
  }

  async put(path: string, bytes: string | Uint8Array): Promise<void> {
    await this.#upload(this.#key(path), bufferOf(bytes), Buffer.byteLength(bytes));
  }

  async create(path: string, bytes: string | Uint8Array): Promise<boolean> {
    const Key = this.#key(path);
    const writer = randomUUID();
    return await this.#asking(Key, async ({ client, sdk }) => {
      await (this.#keepsConditions ??= this.#probe(client, sdk));
      for (let attempt = 1; ; attempt += 1) {
        try {
          await client.send(
            new sdk.PutObjectCommand({
              ...{ Bucket: this.#bucket, Key, Body: bufferOf(bytes), IfNoneMatch: '*' },
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
          return (await this.#head(Key))?.writer === writer;
        }
      }
    });
  }

  /** Asked again where it failed for another reason. */
  async #probe(client: S3Client, sdk: Sdk): Promise<void> {
    try {
      await requireConditionalWrites(client, sdk, this.#bucket, this.#prefix + PROBE_NAME);
    } catch (error) {
      this.#keepsConditions = undefined;
      throw error;
    }
  }

  async putFile(path: string, localFile: string, { readAgain = true }: PutFileOptions = {}): Promise<void> {
    const Key = this.#key(path);
    const { size } = await stat(localFile);
    const etag = await this.#upload(Key, createReadStream(localFile, { highWaterMark: MIB }), size);
    if (etag === undefined || !readAgain) await rm(localFile, { force: true });
    else await this.#localCache().adopt(this.#version(Key, etag, size), localFile);
  }

  async delete(path: string): Promise<void> {
    const key = this.#key(path);
    const keys = [key, ...(await this.#keysUnder(`${key}/`))];
    await this.#asking(key, async ({ client, sdk }) => {
      if (keys.length === 1) {
        await client.send(new sdk.DeleteObjectCommand({ Bucket: this.#bucket, Key: key }));
        return;
      }
      for (let first = 0; first < keys.length; first += DELETE_AT_ONCE) {
        const Objects = keys.slice(first, first + DELETE_AT_ONCE).map((Key) => ({ Key }));
        const Delete = { Objects, Quiet: true };
        const { Errors } = await client.send(new sdk.DeleteObjectsCommand({ Bucket: this.#bucket, Delete }));
        const failed = Errors?.find(({ Code }) => Code !== 'NoSuchKey');
        if (failed === undefined) continue;
        throw new ModalmixError(
          failed.Code === 'AccessDenied' ? 'config' : 'transient',
          'it cannot be deleted',
          {
            where: `s3://${this.#bucket}/${failed.Key ?? key}`,
            fix: 'Allow s3:DeleteObject under the prefix.',
          },
        );
      }
    });
  }

  async localFile(path: string): Promise<string> {
    const Key = this.#key(path);
    for (let attempt = 1; ; attempt += 1) {
      const facts = await this.#head(Key);
      if (facts === undefined) throw this.#nothing(path);
      const version = this.#version(Key, facts.etag, facts.bytes);
      try {
        return await this.#localCache().file(version, async (file) => {
          await this.#download(Key, facts.etag, file);
        });
      } catch (error) {
        // Replaced, or deleted, between the two requests: look again.
        const again = error instanceof ModalmixError && isMixed(error.cause);
        if (!again || attempt >= BODY_ATTEMPTS) throw error;
      }
    }
  }

  async scratchFolder(): Promise<string> {
    return await this.#localCache().scratchFolder();
  }

  async #download(Key: string, etag: string, path: string): Promise<void> {
    await this.#asking(Key, async ({ client, sdk }) => {
      const file = await open(path, 'wx');
      try {
        let done = 0;
        const take = async (body: Readable) => {
          for await (const chunk of body) {
            await file.writev([chunk as Buffer], done);
            done += (chunk as Buffer).length;
          }
        };
        if (await this.#read(Key, etag, take, () => done, client, sdk)) return;
        throw new ModalmixError('transient', 'it was deleted while it was read', {
          where: `s3://${this.#bucket}/${Key}`,
        });
      } finally {
        await file.close();
      }
    });
  }

  /**
   * Reads a body to its end, going on where it broke off, as long as the object stays the same.
   *
   * @param etag of the version wanted; absent: whichever the first answer has
   * @param done bytes taken so far
   * @returns whether there is such an object
   */
  async #read(
    Key: string,
    etag: string | undefined,
    take: (body: Readable) => Promise<void>,
    done: () => number,
    client: S3Client,
    sdk: Sdk,
  ): Promise<boolean> {
    let IfMatch = etag;
    for (let attempt = 1; ; attempt += 1) {
      const from = done();
      let answer: GetObjectCommandOutput;
      try {
        answer = await client.send(
          new sdk.GetObjectCommand({
            ...{ Bucket: this.#bucket, Key },
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

  /** @returns the new object's ETag */
  async #upload(Key: string, Body: Buffer | Readable, bytes: number): Promise<string | undefined> {
    const { Upload } = await import('@aws-sdk/lib-storage');
    return await this.#asking(Key, async ({ client }) => {
      const upload = new Upload({
        client,
        params: { Bucket: this.#bucket, Key, Body },
        partSize: Math.max(PART_BYTES, Math.ceil(bytes / (MOST_PARTS - 1))),
        queueSize: PARTS_AT_ONCE,
        leavePartsOnError: false,
      });
      return (await upload.done()).ETag;
    });
  }

  async #head(Key: string): Promise<ObjectFacts | undefined> {
    return await this.#asking(Key, async ({ client, sdk }) => {
      try {
        const facts = await client.send(new sdk.HeadObjectCommand({ Bucket: this.#bucket, Key }));
        return {
          bytes: facts.ContentLength ?? 0,
          etag: facts.ETag ?? '',
          writer: facts.Metadata?.[WRITER],
          writtenAt: facts.LastModified,
        };
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  async #keysUnder(Prefix: string): Promise<string[]> {
    return await this.#asking(Prefix, async ({ client, sdk }) => {
      const keys: string[] = [];
      let ContinuationToken: string | undefined;
      do {
        const page = await client.send(
          new sdk.ListObjectsV2Command({
            ...{ Bucket: this.#bucket, Prefix },
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

  async #asking<T>(key: string, ask: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await ask(await (opened ??= openSession()));
    } catch (error) {
      throw asStoreError(error, { bucket: this.#bucket, key });
    }
  }

  #version(key: string, etag: string, bytes: number): Version {
    const endpoint = process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL'] ?? '';
    return { uri: `${endpoint}/${this.#bucket}/${key}`, etag, bytes };
  }

  #localCache(): LocalCache {
    return (this.#cache ??= localCacheFromEnvironment());
  }

  #nothing(path: string): ModalmixError {
    return new ModalmixError('input', 'nothing is stored there', { where: `${this.uri}/${path}` });
  }

  #key(path: string): string {
    const plain = posix.normalize(path).replace(/\/$/u, '');
    if (plain === '.' || plain.startsWith('/') || plain === '..' || plain.startsWith('../')) {
      throw new ModalmixError('internal', `the path "${path}" leaves the store`, { where: this.uri });
    }
    return this.#prefix + plain;
  }
}

async function openSession(): Promise<Session> {
  // Which Node the SDK's next year will ask for is no news for who runs a command.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  const sdk = await import('@aws-sdk/client-s3');
  const given = (name: string) => {
    const value = process.env[name];
    return value === undefined || value === '' ? undefined : value;
  };
  const endpoint = given('AWS_ENDPOINT_URL_S3') ?? given('AWS_ENDPOINT_URL');
  // A server of one's own has no regions, and AWS_DEFAULT_REGION is what other tools read.
  const region =
    given('AWS_REGION') ?? given('AWS_DEFAULT_REGION') ?? (endpoint === undefined ? undefined : 'us-east-1');
  const client = new sdk.S3Client({
    ...(region === undefined ? {} : { region }),
    // Few servers but AWS's own have a host name a bucket.
    forcePathStyle: endpoint !== undefined,
    followRegionRedirects: endpoint === undefined,
    maxAttempts: ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      socketTimeout: SILENCE_TIMEOUT_MS,
      httpAgent: { maxSockets: SOCKETS, keepAlive: true },
      httpsAgent: { maxSockets: SOCKETS, keepAlive: true },
      // Callers queue for sockets on purpose.
      socketAcquisitionWarningTimeout: SILENCE_TIMEOUT_MS,
    },
    logger: silent,
  });
  return { sdk, client };
}

/** The SDK's own logger may print requests. */
const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

function statusIsConflict(error: unknown): boolean {
  return error instanceof Error && error.name === 'ConditionalRequestConflict';
}

function bufferOf(bytes: string | Uint8Array): Buffer {
  if (typeof bytes === 'string') return Buffer.from(bytes);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
