import { ApplicationFailure } from '@temporalio/common';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { toFailure } from '../../../activities/failures.ts';
import { withoutSecrets } from '../../../pipelines/process/secrets.ts';
import { ModalmixError } from '../../../schemas/errors.ts';

const KEY = 'K7MDENG/bPxRfiCYEXAMPLEKEY';

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('secrets of the environment', () => {
  it('are taken out of a text, each of a list, and the password of any address', () => {
    const environment = {
      AWS_SECRET_ACCESS_KEY: KEY,
      MODALMIX_CODEC_KEYS: 'bmV3ZXIga2V5, b2xkZXIga2V5',
      PIP_INDEX_URL: 'https://me:p%40ss-word-1@index.example/simple',
      HOME: '/home/me',
    };
    const text = `signed by ${KEY} at /home/me: b2xkZXIga2V5, p@ss-word-1 or p%40ss-word-1`;
    expect(withoutSecrets(text, environment)).toBe(
      'signed by [secret] at /home/me: [secret], [secret] or [secret]',
    );
  });

  it('are left where they are words: a password of five letters is in too many', () => {
    expect(withoutSecrets('the kafka broker', { KAFKA_SASL_PASSWORD: 'kafka' })).toBe('the kafka broker');
  });

  it('come into no history: message, place, fix, and what it was caused by with its stack', () => {
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', KEY);
    const inner = new Error(`refused: ${KEY}`);
    const error = new ModalmixError('input', `with ${KEY}`, {
      where: `s3://${KEY}`,
      fix: `unset ${KEY}`,
      cause: inner,
    });
    const failure = toFailure(error, undefined);
    const chain: unknown[] = [];
    for (let here: unknown = failure; here instanceof Error; here = here.cause)
      chain.push(here.message, here.stack);
    if (failure instanceof ApplicationFailure) chain.push(failure.details);
    expect(JSON.stringify(chain)).toContain('[secret]');
    expect(JSON.stringify(chain)).not.toContain(KEY);
    expect(chain.length).toBeGreaterThanOrEqual(7);
  });

  it('leave the words, the kind and the stack of an error without one as they were', () => {
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', KEY);
    const error = new ModalmixError('input', 'a clip', { where: 'a.mp4', cause: new RangeError('too long') });
    const failure = toFailure(error, undefined);
    expect(failure).toMatchObject({ type: 'input', message: 'a clip', details: [{ where: 'a.mp4' }] });
    expect(failure.cause).toMatchObject({ name: error.name, message: 'a clip' });
    expect(failure.cause?.cause).toMatchObject({ name: 'RangeError', message: 'too long' });
    expect(failure.cause?.stack).toContain('secrets.test.ts');
  });
});
