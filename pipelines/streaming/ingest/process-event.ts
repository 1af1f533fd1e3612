/** One event: parsed, authorised, hashed, extracted; or the dead letter it deserves. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Message } from 'node-rdkafka';
import type { Clip } from '../../../schemas/clip.ts';
import { ModalmixError, isRetryable } from '../../../schemas/errors.ts';
import type { ClipEvent, DeadLetter } from '../../../schemas/stream.ts';
import { ClipUnusable, type Extractor } from '../../extraction/extractor.ts';
import { combineHashes, contentHash } from '../../shards/plan/source-hashes.ts';
import { codeOf } from '../../store/file-errors.ts';
import { hashFile } from '../../store/hash-file.ts';
import { EventRejected, authoriseFile, type AllowedFiles } from './authorise-clip.ts';
import { deadLetterOf } from '../dead-letters/dead-letter.ts';
import { encodeFeatureRecord, extractionKeyOf } from '../rows/feature-record.ts';
import type { Log } from '../log.ts';
import { parseClipEvent } from './parse-event.ts';
import type { StreamTarget } from '../stream-target.ts';

export type EventOutcome =
  | {
      readonly kind: 'features';
      readonly clipId: string;
      /** Equal for two events that would give the same row. */
      readonly fingerprint: string;
      readonly record: Uint8Array;
      readonly sentAtMs: number;
    }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'dead-letter'; readonly letter: DeadLetter };

export interface ProcessContext {
  readonly target: StreamTarget;
  readonly extractor: Extractor;
  readonly allowed: AllowedFiles;
  /** Longest feature record. */
  readonly maxRecordBytes: number;
  /**
   * True when a row with this fingerprint was published of an event sent then or later: extracting it again would tell
   * nothing new. One that is sent later may be what counts, whatever became of the row meanwhile.
   */
  readonly isKnown: (clipId: string, fingerprint: string, sentAtMs: number) => boolean;
  /** Seconds of one extraction. */
  readonly onExtracted: (seconds: number) => void;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** The event of a record, or its dead letter. */
export function readEvent(message: Message, target: StreamTarget): ClipEvent | DeadLetter {
  try {
    return parseClipEvent(message.value, target.classNames);
  } catch (error) {
    if (error instanceof EventRejected) return deadLetterOf(message, error.code, error.message);
    throw error;
  }
}

/**
 * Tries again for as long as the machine fails and not the clip.
 * @throws ModalmixError `cancelled` on the signal, `dependency` when the extractor cannot run at all
 */
export async function processEvent(
  message: Message,
  event: ClipEvent,
  context: ProcessContext,
): Promise<EventOutcome> {
  try {
    return await withRetries(context, (tries) => extractEvent(message, event, { ...context, tries }));
  } catch (error) {
    if (error instanceof EventRejected || error instanceof ClipUnusable) {
      return { kind: 'dead-letter', letter: deadLetterOf(message, error.code, error.message) };
    }
    throw error;
  }
}

/** What the file itself has, and what comes over a network or from a disk that may come back. */
const OF_THE_MACHINE: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EINTR']);
const OF_THE_DISK: ReadonlySet<string> = new Set(['EIO', 'ESTALE', 'ETIMEDOUT', 'ENOENT']);
/** A disk that does not give a file is asked for a few minutes: the clips behind it must not wait for ever. */
const MOST_TRIES_OF_DISK = 12;

/** @throws EventRejected `unreadable` where trying again would not help */
async function hashOf(path: string, tries: number): Promise<string> {
  try {
    return await hashFile(path);
  } catch (error) {
    const code = codeOf(error) ?? '';
    const passing = OF_THE_MACHINE.has(code) || (OF_THE_DISK.has(code) && tries < MOST_TRIES_OF_DISK);
    if (passing || !isSystemError(error)) throw error;
    throw new EventRejected('unreadable', `the file cannot be read: ${(error as Error).message}`);
  }
}

async function extractEvent(
  message: Message,
  event: ClipEvent,
  context: ProcessContext & { readonly tries: number },
): Promise<EventOutcome> {
  const { target, extractor } = context;
  const path = await authoriseFile(event.uri, context.allowed);
  const audioPath =
    event.audioUri === undefined ? undefined : await authoriseFile(event.audioUri, context.allowed);
  const mediaHash = await hashOf(path, context.tries);
  if (event.sha256 !== undefined && event.sha256 !== mediaHash) {
    throw new EventRejected(
      'hash-mismatch',
      `the file's SHA-256 is ${mediaHash}, the event says ${event.sha256}`,
    );
  }
  const hashes = audioPath === undefined ? [mediaHash] : [mediaHash, await hashOf(audioPath, context.tries)];
  const content = contentHash(combineHashes(hashes), event);
  const fingerprint = JSON.stringify([
    content,
    event.label ?? null,
    event.split ?? null,
    event.group ?? null,
  ]);
  const sentAtMs = Date.parse(event.sentAt);
  if (context.isKnown(event.clipId, fingerprint, sentAtMs)) return { kind: 'duplicate' };
  const started = performance.now();
  const features = await extractor.extract(
    clipOf(event, path, audioPath, target),
    target.extraction,
    context.signal,
  );
  context.onExtracted((performance.now() - started) / 1_000);
  const record = encodeFeatureRecord({
    clipId: event.clipId,
    ...(event.label === undefined ? {} : { label: event.label }),
    ...(event.split === undefined ? {} : { split: event.split }),
    ...(event.group === undefined ? {} : { group: event.group }),
    contentHash: content,
    extractionKey: extractionKeyOf(target.extraction, extractor.version),
    sentAt: event.sentAt,
    dataset: target.name,
    source: message,
    features,
  });
  if (record.length > context.maxRecordBytes) {
    throw new EventRejected(
      'too-large',
      `its features have ${String(record.length)} bytes, allowed are ${String(context.maxRecordBytes)}`,
    );
  }
  return { kind: 'features', clipId: event.clipId, fingerprint, record, sentAtMs };
}

function clipOf(event: ClipEvent, path: string, audioPath: string | undefined, target: StreamTarget): Clip {
  return {
    clipId: event.clipId,
    path,
    ...(audioPath === undefined ? {} : { audioPath }),
    // Extraction does not look at it.
    label: event.label === undefined ? 0 : target.classNames.indexOf(event.label),
    split: event.split ?? 'train',
    ...(event.group === undefined ? {} : { group: event.group }),
    ...(event.startS === undefined ? {} : { startS: event.startS }),
    ...(event.endS === undefined ? {} : { endS: event.endS }),
  };
}

const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 30_000;

async function withRetries<T>(context: ProcessContext, attempt: (tries: number) => Promise<T>): Promise<T> {
  for (let tries = 1, waitMs = FIRST_RETRY_MS; ; tries += 1, waitMs = Math.min(2 * waitMs, LAST_RETRY_MS)) {
    try {
      return await attempt(tries);
    } catch (error) {
      const passing = error instanceof ModalmixError ? isRetryable(error.kind) : isSystemError(error);
      if (!passing || context.signal.aborted) throw error;
      context.log.warn(
        { reason: (error as Error).message, waitMs },
        'the machine failed; trying the clip again',
      );
      await sleep(waitMs, undefined, { signal: context.signal });
    }
  }
}

/** Thrown by Node's file functions: a full table of handles, a disk that fails. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && !(error instanceof EventRejected);
}
