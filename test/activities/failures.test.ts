import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { toFailure } from '../../activities/failures.ts';
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
