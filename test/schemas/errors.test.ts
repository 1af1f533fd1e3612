import { describe, expect, it } from 'vitest';
import { describeError, exitCodeOf, isRetryable, ModalmixError } from '../../schemas/errors.ts';

describe('errors', () => {
  it('bad config and bad input end the command with 2, everything that broke with 1', () => {
    expect(exitCodeOf('config')).toBe(2);
    expect(exitCodeOf('input')).toBe(2);
    expect(exitCodeOf('dependency')).toBe(1);
    expect(exitCodeOf('transient')).toBe(1);
    expect(exitCodeOf('internal')).toBe(1);
    expect(exitCodeOf('cancelled')).toBe(130);
  });

  it('only what may pass by itself is tried again', () => {
    expect(isRetryable('transient')).toBe(true);
    expect(isRetryable('input')).toBe(false);
    expect(isRetryable('config')).toBe(false);
  });

  it('is told as where, what and what to do', () => {
    const error = new ModalmixError('config', 'the folder does not exist', {
      where: 'run.yaml: dataset.root',
      fix: 'Create it, or correct the path.',
    });
    expect(describeError(error)).toBe(
      'run.yaml: dataset.root: the folder does not exist\n  → Create it, or correct the path.',
    );
  });
});
