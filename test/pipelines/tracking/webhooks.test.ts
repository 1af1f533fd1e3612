import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { AskAgainLater, ask } from '../../../pipelines/tracking/web.ts';
import { postNotice } from '../../../pipelines/tracking/webhooks/post-notice.ts';
import { signedHeaders, signingKeys } from '../../../pipelines/tracking/webhooks/sign.ts';
import { runIdOf } from '../../../pipelines/config/run-id.ts';
import { runConfigSchema } from '../../../schemas/config/config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { Notice } from '../../../schemas/notice.ts';
import { startReceiver, type Answer, type Receiver } from '../../support/receiver.ts';

const SECRET = `whsec_${randomBytes(32).toString('base64')}`;
const NOTICE: Notice = {
  version: 1,
  type: 'run.failed',
  timestamp: '2026-11-30T21:00:00.000Z',
  data: { runId: 'demo-1', name: 'demo', reason: 'no clips' },
};

let receiver: Receiver | undefined;
afterEach(async () => {
  await receiver?.close();
  receiver = undefined;
});

async function post(answer: Answer, path = '/T0/secret-in-path?token=abc'): Promise<void> {
  receiver = await startReceiver(() => answer);
  await postNotice({ url: `${receiver.url}${path}`, id: 'msg-1', notice: NOTICE, keys: signingKeys(SECRET) });
}

async function refused(answer: Answer): Promise<ModalmixError> {
  const error: unknown = await post(answer).catch((thrown: unknown) => thrown);
  if (error instanceof ModalmixError) return error;
  throw new Error('it was taken');
}

describe('the signature of a notice', () => {
  it("is that of Standard Webhooks' own example", () => {
    const keys = signingKeys('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    const at = 1_614_265_330_000;
    expect(signedHeaders(keys, 'msg_p5jXN8AQM9LWM0D4loKWxJek', at, '{"test": 2432232314}')).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('is made by each of several secrets, so that receivers can change theirs one after the other', () => {
    const [older, both] = [signingKeys(SECRET), signingKeys(`a-new-secret-of-24-bytes-or-more, ${SECRET}`)];
    const [of, ofBoth] = [older, both].map((keys) => signedHeaders(keys, 'm', 0, '{}')['webhook-signature']);
    expect(ofBoth?.split(' ')).toHaveLength(2);
    expect(ofBoth?.split(' ')).toContain(of);
  });

  it('is not made without a secret, nor by one that can be guessed', () => {
    expect(() => signingKeys(undefined)).toThrow('no secret');
    expect(() => signingKeys('hunter2')).toThrow('shorter than 24 bytes');
  });
});

describe('a webhook', () => {
  it('is sent the notice as JSON, by its id', async () => {
    await post({ status: 204 });
    const { headers, body, path } = receiver!.received[0]!;
    expect(path).toBe('/T0/secret-in-path?token=abc');
    expect(headers['content-type']).toBe('application/json');
    expect(headers['webhook-id']).toBe('msg-1');
    expect(JSON.parse(body)).toEqual(NOTICE);
    const at = 1_000 * Number(headers['webhook-timestamp']);
    expect(Math.abs(Date.now() - at)).toBeLessThan(60_000);
    expect(headers['webhook-signature']).toBe(
      signedHeaders(signingKeys(SECRET), 'msg-1', at, body)['webhook-signature'],
    );
  });

  it.each([500, 503, 408, 429])('that answers %i may take it later', async (status) => {
    const error = await refused({ status });
    expect(error.kind).toBe('transient');
    // Of the address nothing is told that may be a secret.
    expect(error.where).toBe(`${receiver!.url}/…`);
  });

  it('is left alone for as long as it asks, a second at least and an hour at most', async () => {
    const later = async (after: string): Promise<number> => {
      const error = await refused({ status: 503, headers: { 'retry-after': after } });
      if (!(error instanceof AskAgainLater)) throw error;
      return error.afterMs;
    };
    expect(await later('7')).toBe(7_000);
    await receiver!.close();
    // To Temporal no time at all is no further try.
    expect(await later('0')).toBe(1_000);
    await receiver!.close();
    expect(await later('Wed, 21 Oct 2015 07:28:00 GMT')).toBe(1_000);
    await receiver!.close();
    expect(await later('1000000')).toBe(3_600_000);
  });

  it.each([400, 401, 404, 410])('that answers %i is not asked again', async (status) => {
    const error = await refused({ status });
    expect(error.kind).toBe('config');
    expect(error.message).toContain(String(status));
  });

  it('is not followed elsewhere', async () => {
    const elsewhere = await startReceiver(() => ({ status: 200 }));
    const error = await refused({ status: 302, headers: { location: elsewhere.url } });
    expect(error.kind).toBe('config');
    expect(error.fix).toContain('Redirects are not followed');
    expect(elsewhere.received).toEqual([]);
    await elsewhere.close();
  });

  it('that says nothing is waited for until the time is over', async () => {
    receiver = await startReceiver(() => ({ status: 200, silent: true }));
    const waiting = ask({ url: receiver.url, timeoutMs: 200 });
    await expect(waiting).rejects.toThrow('did not answer within 0.2 s');
    await expect(waiting).rejects.toMatchObject({ kind: 'transient' });
  });

  it('where nobody listens is a matter of time', async () => {
    receiver = await startReceiver(() => ({ status: 200 }));
    const { url } = receiver;
    await receiver.close();
    receiver = undefined;
    await expect(ask({ url, timeoutMs: 5_000 })).rejects.toMatchObject({ kind: 'transient', where: url });
  });
});

describe("the config's notify", () => {
  const config = (notify?: unknown) => ({
    name: 'told',
    dataset: { format: 'folder', root: '/clips' },
    ...(notify === undefined ? {} : { notify }),
  });

  it('names one webhook or several, and no password', () => {
    const parse = (notify: unknown) => runConfigSchema.safeParse(config(notify)).success;
    expect(parse({ webhook: { url: 'https://example.org/hook' } })).toBe(true);
    expect(
      parse({ webhook: [{ url: 'https://a.example' }, { url: 'http://b.example', events: ['run.failed'] }] }),
    ).toBe(true);
    expect(parse({ webhook: { url: 'https://me:word@example.org/' } })).toBe(false);
    expect(parse({ webhook: { url: 'file:///etc/passwd' } })).toBe(false);
    expect(parse({ webhook: { url: 'https://a.example', events: ['run.begun'] } })).toBe(false);
  });

  it('is no part of what a run is, so that a run is found when it is to be told of', () => {
    const told = runConfigSchema.parse(config({ webhook: { url: 'https://example.org/hook' } }));
    const untold = runConfigSchema.parse(config());
    expect(runIdOf(told)).toBe(runIdOf(untold));
    const matrix = { name: 'matrix', seeds: [0] };
    expect(runIdOf({ ...matrix, base: told } as never)).toBe(runIdOf({ ...matrix, base: untold } as never));
    expect(runIdOf({ ...untold, seed: 1 } as never)).not.toBe(runIdOf(untold));
  });
});
