/**
 * A store in a bucket of S3 or any server that speaks its protocol. An object appears whole or not at all, which
 * is all the atomicity that the store promises; large ones go up in parts. Endpoint, region and credentials are
 * those of the AWS environment (AWS_ENDPOINT_URL, AWS_REGION, AWS_PROFILE, …).
 */
import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ModalmixError } from '../../schemas/errors.ts';
import { localCacheFromEnvironment, type LocalCache, type Version } from './local-cache.ts';
import { S3Bucket } from './s3-bucket.ts';
import { PROBE_NAME } from './s3-conditions.ts';
import { isMixed } from './s3-errors.ts';
import type { PutFileOptions, Store } from './store.ts';

/** Files are read in pieces of this size when they go up. */
const READ_BYTES = 2 ** 20;
/** Of a local copy whose object is replaced meanwhile. */
const MOST_TRIES = 10;
/** Before the second try; longer before each further one. */
const PAUSE_MS = 50;

export class S3Store implements Store {
  readonly uri: string;
  readonly movesFiles = false;
  readonly #name: string;
  readonly #bucket: S3Bucket;
  /** Empty, or with a `/` at its end. */
  readonly #prefix: string;
  #cache: LocalCache | undefined;

  /** @throws ModalmixError `config` when the URI names no bucket */
  constructor(uri: string) {
    const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/+([^?#]*))?$/u.exec(uri);
    if (match?.[1] === undefined) {
      throw new ModalmixError('config', `"${uri}" names no bucket`, {
        where: 'store',
        fix: 'Write it as s3://<bucket>/<prefix>, without credentials.',
      });
    }
    this.#name = match[1];
    const prefix = (match[2] ?? '').split('/').filter((part) => part !== '');
    this.#prefix = prefix.map((part) => `${part}/`).join('');
    this.#bucket = new S3Bucket(this.#name, this.#prefix + PROBE_NAME);
    this.uri = ['s3:/', this.#name, ...prefix].join('/');
  }

  async get(path: string): Promise<Buffer> {
    const bytes = await this.find(path);
    if (bytes === undefined) throw this.#bucket.nothing(this.#key(path));
    return bytes;
  }

  async find(path: string): Promise<Buffer | undefined> {
    return await this.#bucket.find(this.#key(path));
  }

  async range(path: string, offset: number, length: number): Promise<Buffer> {
    if (length === 0) return Buffer.alloc(0);
    // As HTTP writes ranges, the first would mean the end of the file, the second another range or all of it.
    if (offset < 0 || length < 0) {
      throw new ModalmixError(
        'input',
        `the file has no ${String(length)} bytes from byte ${String(offset)}`,
        {
          where: `${this.uri}/${path}`,
        },
      );
    }
    return await this.#bucket.range(this.#key(path), offset, length);
  }

  async exists(path: string): Promise<boolean> {
    return (await this.#bucket.head(this.#key(path))) !== undefined;
  }

  async size(path: string): Promise<number | undefined> {
    return (await this.#bucket.head(this.#key(path)))?.bytes;
  }

  async writtenAt(path: string): Promise<Date | undefined> {
    return (await this.#bucket.head(this.#key(path)))?.writtenAt;
  }

  async list(prefix: string): Promise<string[]> {
    const keys = await this.#bucket.keysUnder(`${this.#key(prefix)}/`);
    return keys.map((key) => key.slice(this.#prefix.length)).sort();
  }

  async put(path: string, bytes: string | Uint8Array): Promise<void> {
    await this.#bucket.upload(this.#key(path), bufferOf(bytes), Buffer.byteLength(bytes));
  }

  async create(path: string, bytes: string | Uint8Array): Promise<boolean> {
    return await this.#bucket.create(this.#key(path), bufferOf(bytes));
  }

  async putFile(path: string, localFile: string, { readAgain = true }: PutFileOptions = {}): Promise<void> {
    const key = this.#key(path);
    const { size } = await stat(localFile);
    const body = createReadStream(localFile, { highWaterMark: READ_BYTES });
    const etag = await this.#bucket.upload(key, body, size);
    if (etag === undefined || !readAgain) await rm(localFile, { force: true });
    else await this.#localCache().adopt(this.#version(key, etag, size), localFile);
  }

  async delete(path: string): Promise<void> {
    const key = this.#key(path);
    await this.#bucket.delete(key, [key, ...(await this.#bucket.keysUnder(`${key}/`))]);
  }

  async localFile(path: string): Promise<string> {
    const key = this.#key(path);
    for (let attempt = 1; ; attempt += 1) {
      const facts = await this.#bucket.head(key);
      if (facts === undefined) throw this.#bucket.nothing(key);
      const version = this.#version(key, facts.etag, facts.bytes);
      try {
        return await this.#localCache().file(version, async (file) => {
          await this.#bucket.download(key, facts.etag, file);
        });
      } catch (error) {
        // Replaced, or deleted, between the two requests: look again.
        const again = error instanceof ModalmixError && isMixed(error.cause);
        if (!again || attempt >= MOST_TRIES) throw error;
        await sleep(PAUSE_MS * attempt);
      }
    }
  }

  async scratchFolder(): Promise<string> {
    return await this.#localCache().scratchFolder();
  }

  #version(key: string, etag: string, bytes: number): Version {
    const endpoint = process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL'] ?? '';
    return { uri: `${endpoint}/${this.#name}/${key}`, etag, bytes };
  }

  #localCache(): LocalCache {
    return (this.#cache ??= localCacheFromEnvironment());
  }

  #key(path: string): string {
    const plain = posix.normalize(path).replace(/\/$/u, '');
    if (plain === '.' || plain.startsWith('/') || plain === '..' || plain.startsWith('../')) {
      throw new ModalmixError('internal', `the path "${path}" leaves the store`, { where: this.uri });
    }
    return this.#prefix + plain;
  }
}

function bufferOf(bytes: string | Uint8Array): Buffer {
  if (typeof bytes === 'string') return Buffer.from(bytes);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
