import { ApplicationFailure, CancelledFailure, defaultDataConverter } from '@temporalio/common';
import { encodeErrorToFailure } from '@temporalio/common/lib/internal-non-workflow/index.js';
import proto from '@temporalio/proto';
import { describe, expect, it } from 'vitest';
import { toFailure } from '../../activities/failures.ts';
import { errorOfFailure, failureOf } from '../../pipelines/process/failure.ts';
import { keyOf } from '../../infra/temporal/keys.ts';
import { PayloadGuard } from '../../infra/temporal/payload-guard.ts';
import { ERROR_KINDS, ModalmixError, isRetryable } from '../../schemas/errors.ts';

const shutdown = { workerShutdown: true };

describe('the failure that Temporal is given', () => {
  it.each(ERROR_KINDS.filter((kind) => kind !== 'cancelled'))('has the kind "%s" as its type', (kind) => {
    const failure = toFailure(new ModalmixError(kind, 'no', { where: 'here', fix: 'mend it' }), undefined);
    expect(failure).toBeInstanceOf(ApplicationFailure);
    expect(failure).toMatchObject({
      type: kind,
      message: 'no',
      nonRetryable: !isRetryable(kind),
      details: [{ where: 'here', fix: 'mend it' }],
    });
  });

  it('is tried again when the disk is full or the network away', () => {
    const full = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    expect(toFailure(full, undefined)).toMatchObject({ type: 'transient', nonRetryable: false });
  });

  it.each([
    [
      'the code of a file',
      Object.assign(new Error('ENOSPC: write'), { code: 'ENOSPC', path: '/store/x' }),
      /is full$/u,
    ],
    [
      'a quota',
      Object.assign(new Error('EDQUOT: write'), { code: 'EDQUOT' }),
      /share of the disk is used up$/u,
    ],
    ['TensorFlow', new Error('ResourceExhausted: /x/events.1; No space left on device'), /is full$/u],
    [
      'a child process',
      errorOfFailure(failureOf(Object.assign(new Error('x'), { code: 'ENOSPC' }))),
      /is full$/u,
    ],
  ])(
    'says in one sentence that there is no space, by %s, and is tried again a bounded time',
    (_, error, words) => {
      expect(toFailure(error, undefined, 19)).toMatchObject({
        ...{ type: 'transient', nonRetryable: false, message: expect.stringMatching(words) as string },
        details: [{ fix: 'Free some space; the run goes on by itself.' }],
      });
      expect(toFailure(error, undefined, 20)).toMatchObject({
        type: 'transient',
        nonRetryable: true,
        message: expect.stringContaining(', and still was at try 20') as string,
        details: [{ fix: 'Free some space and run the same command again: it goes on from what is done.' }],
      });
      expect(toFailure(new ModalmixError('transient', 'the network is away'), undefined, 20)).toMatchObject({
        nonRetryable: false,
      });
    },
  );

  it.each(['', 'ключ-'])(
    'is within what the server keeps of one, however long its words are (%s)',
    async (word) => {
      const long = (length: number) => `${word}${'a/folder/'.repeat(length)}`;
      const system = Object.assign(new Error(`ENOSPC: ${long(900)}`), { code: 'EIO' });
      system.stack = `Error: ${long(900)}\n    at one (${long(300)})\n    at two (${long(300)})`;
      const thrown = new ModalmixError('transient', `${word.repeat(500)} cannot be written`, {
        where: long(300),
        fix: long(300),
        cause: new Error(`why ${word.repeat(900)}`, { cause: system }),
      });
      const guard = new PayloadGuard({ namespace: 'default', signing: () => [keyOf(Buffer.alloc(32, 1))] });
      const converter = { ...defaultDataConverter, payloadCodecs: [guard] };
      const encoded = await encodeErrorToFailure(converter, toFailure(thrown, undefined));
      expect(proto.temporal.api.failure.v1.Failure.encode(encoded).finish().length).toBeLessThan(4_096);
      expect(encoded.message).toMatch(/…$|cannot be written$/u);
      expect(encoded.cause?.cause?.message).toBeTruthy();
      expect(JSON.stringify(encoded)).not.toContain('\ufffd');
    },
  );

  it('is not tried again for a mistake of ours', () => {
    expect(toFailure(new TypeError('x is undefined'), undefined)).toMatchObject({
      type: 'internal',
      nonRetryable: true,
    });
  });

  it('is a cancellation when the workflow asked for it', () => {
    const stopped = new ModalmixError('cancelled', 'stopped');
    expect(toFailure(stopped, undefined)).toBeInstanceOf(CancelledFailure);
    expect(toFailure(new DOMException('stopped', 'AbortError'), undefined)).toBeInstanceOf(CancelledFailure);
  });

  it('is tried again elsewhere when only the worker was stopped', () => {
    const stopped = new ModalmixError('cancelled', 'stopped');
    expect(toFailure(stopped, shutdown)).toMatchObject({ type: 'transient', nonRetryable: false });
  });
});
