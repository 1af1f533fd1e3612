/**
 * Signs and encrypts what passes through the Temporal server, and refuses what is not signed. A set of payloads is signed
 * as one (HMAC-SHA-256), for the workflow, or the activity of a workflow, that it is for; its data stays as it is, so
 * that Temporal's pages show it. Where there are keys for it, each payload is then encrypted (AES-256-GCM).
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Payload, PayloadCodec, SerializationContext } from '@temporalio/common';
import { scheduleOfWorkflow } from '../../schemas/schedules.ts';
import { TRUST_METADATA, type Refusal, type RefusalReason } from '../../schemas/seals.ts';
import type { Key, KeySource } from './keys.ts';

export interface GuardOptions {
  /** Of all that is signed and encrypted, whatever a replay calls its own. */
  readonly namespace: string;
  /** Absent: nothing is signed, and nothing refused for not being it. */
  readonly signing?: KeySource;
  /** Milliseconds since 1970; see `Refusal`. */
  readonly since?: number;
  /** Absent: nothing is encrypted. */
  readonly encryption?: KeySource;
}

const SIGNATURE = 'modalmix-signature';
const OWN_METADATA: ReadonlySet<string> = new Set([SIGNATURE, TRUST_METADATA]);
const SIGNED_AS = 'modalmix payloads 1';
const ENCRYPTED = 'binary/encrypted';
const CIPHER = 'aes-256-gcm';
const KEY_ID = 'encryption-key-id';
const IV_BYTES = 12;
const TAG_BYTES = 16;

export class PayloadGuard implements PayloadCodec {
  readonly #options: GuardOptions;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  async encode(payloads: Payload[], context?: SerializationContext): Promise<Payload[]> {
    const { signing, encryption } = this.#options;
    const signed = this.#sign(payloads.map(withoutOwn), context, signing?.()[0]);
    const key = encryption?.()[0];
    if (key === undefined) return signed;
    return signed.map((payload, index) =>
      encrypt(payload, key, this.#bound(context, payloads.length, index)),
    );
  }

  async decode(payloads: Payload[], context?: SerializationContext): Promise<Payload[]> {
    if (payloads.length === 0) return payloads;
    const own = this.#open(payloads, context);
    if (context?.type !== 'workflow' || !isRefused(own)) return own;
    const workflowId = scheduleOfWorkflow(context.workflowId);
    if (workflowId === undefined) return own;
    // What started it was signed, and encrypted, for the schedule: nobody knew then when it would be due.
    const ofSchedule = this.#open(payloads, { ...context, workflowId });
    return isRefused(ofSchedule) ? own : ofSchedule;
  }

  #open(payloads: readonly Payload[], context: SerializationContext | undefined): Payload[] {
    const opened: Payload[] = [];
    for (const [index, payload] of payloads.entries()) {
      const plain = isEncrypted(payload)
        ? decrypt(payload, this.#options.encryption?.() ?? [], this.#bound(context, payloads.length, index))
        : payload;
      if (plain === undefined) return [this.#refusal('unreadable', [])];
      opened.push(plain);
    }
    const plain = opened.map(withoutOwn);
    const { signing } = this.#options;
    if (signing === undefined) return plain;
    const signature = text(opened[0]?.metadata?.[SIGNATURE]);
    if (signature === '') return [this.#refusal('unsigned', plain)];
    const [id, mac = ''] = signature.split('.');
    const key = signing().find((one) => one.id === id);
    const expected = key === undefined ? undefined : this.#mac(plain, context, key);
    if (expected === undefined || !isSame(expected, Buffer.from(mac, 'base64url'))) {
      return [this.#refusal('forged', plain)];
    }
    return plain.map((payload) => withMetadata(payload, TRUST_METADATA, 'signed'));
  }

  #sign(payloads: Payload[], context: SerializationContext | undefined, key: Key | undefined): Payload[] {
    const [first, ...others] = payloads;
    if (first === undefined || key === undefined) return payloads;
    const mac = this.#mac(payloads, context, key).toString('base64url');
    return [withMetadata(first, SIGNATURE, `${key.id}.${mac}`), ...others];
  }

  #mac(payloads: readonly Payload[], context: SerializationContext | undefined, key: Key): Buffer {
    const mac = createHmac('sha256', key.bytes).update(this.#bound(context, payloads.length));
    for (const { metadata, data } of payloads) {
      const names = Object.keys(metadata ?? {}).sort();
      mac.update(framed(Buffer.from(JSON.stringify(names))));
      for (const name of names) mac.update(framed(metadata?.[name]));
      mac.update(framed(data));
    }
    return mac.digest();
  }

  /** What payloads are for, so that they are of no use elsewhere. */
  #bound(context: SerializationContext | undefined, count: number, index?: number): Buffer {
    const place =
      context?.type === 'activity'
        ? ['activity', context.workflowId ?? '', context.activityId ?? '']
        : ['workflow', context?.workflowId ?? ''];
    const { namespace } = this.#options;
    return framed(Buffer.from(JSON.stringify([SIGNED_AS, namespace, place, count, index ?? null])));
  }

  #refusal(reason: RefusalReason, payloads: readonly Payload[]): Payload {
    const { since } = this.#options;
    const refusal: Refusal = {
      'modalmix:refused': reason,
      ...(since === undefined ? {} : { since }),
      values: payloads.map(valueOf),
    };
    const metadata = { encoding: Buffer.from('json/plain'), [TRUST_METADATA]: Buffer.from('refused') };
    return { metadata, data: Buffer.from(JSON.stringify(refusal)) };
  }
}

function isRefused([first]: readonly Payload[]): boolean {
  return text(first?.metadata?.[TRUST_METADATA]) === 'refused';
}

function isSame(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Its length first, so that no two lists of pieces are the same bytes. */
function framed(bytes: Uint8Array | null | undefined): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes?.length ?? 0);
  return Buffer.concat([length, bytes ?? Buffer.alloc(0)]);
}

function text(bytes: Uint8Array | null | undefined): string {
  return bytes === null || bytes === undefined ? '' : Buffer.from(bytes).toString();
}

function withoutOwn(payload: Payload): Payload {
  const metadata = Object.entries(payload.metadata ?? {}).filter(([name]) => !OWN_METADATA.has(name));
  return { ...payload, metadata: Object.fromEntries(metadata) };
}

function withMetadata(payload: Payload, name: string, value: string): Payload {
  return { ...payload, metadata: { ...payload.metadata, [name]: Buffer.from(value) } };
}

/** JSON as what it says, all else as null: it is shown to nobody who has not asked for it. */
function valueOf({ metadata, data }: Payload): unknown {
  if (text(metadata?.['encoding']) !== 'json/plain') return null;
  try {
    return JSON.parse(text(data));
  } catch {
    return null;
  }
}

function isEncrypted({ metadata }: Payload): boolean {
  return text(metadata?.['encoding']) === ENCRYPTED;
}

function encrypt(payload: Payload, key: Key, bound: Buffer): Payload {
  const names = Object.entries<Uint8Array>(payload.metadata ?? {}).map(
    ([name, value]) => [name, Buffer.from(value).toString('base64')] as const,
  );
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key.bytes, iv, { authTagLength: TAG_BYTES }).setAAD(bound);
  const plain = Buffer.concat([
    framed(Buffer.from(JSON.stringify(Object.fromEntries(names)))),
    payload.data ?? Buffer.alloc(0),
  ]);
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return {
    metadata: {
      encoding: Buffer.from(ENCRYPTED),
      'encryption-cipher': Buffer.from(CIPHER),
      [KEY_ID]: Buffer.from(key.id),
    },
    data: Buffer.concat([iv, cipher.getAuthTag(), body]),
  };
}

/** @returns undefined where no key opens it */
function decrypt({ metadata, data }: Payload, keys: readonly Key[], bound: Buffer): Payload | undefined {
  const id = text(metadata?.[KEY_ID]);
  const key = keys.find((one) => one.id === id);
  const bytes = Buffer.from(data ?? []);
  if (key === undefined || bytes.length < IV_BYTES + TAG_BYTES) return undefined;
  try {
    const decipher = createDecipheriv(CIPHER, key.bytes, bytes.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    })
      .setAAD(bound)
      .setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    const plain = Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
    const end = 4 + plain.readUInt32BE();
    const names = JSON.parse(plain.toString('utf8', 4, end)) as Record<string, string>;
    return {
      metadata: Object.fromEntries(
        Object.entries(names).map(([name, value]) => [name, Buffer.from(value, 'base64')]),
      ),
      data: plain.subarray(end),
    };
  } catch {
    return undefined;
  }
}
