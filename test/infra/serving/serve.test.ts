/** `modalmix serve`: the real process, a real model, real clips. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../../../infra/folders.ts';
import { versionOf } from '../../../pipelines/models/open-model.ts';
import { moveCurrent, registerVersion, rollback } from '../../../pipelines/models/registry.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import { runTraining } from '../../../pipelines/training/run-training.ts';
import { trainingSpecs } from '../../../pipelines/training/training-spec.ts';
import type { ClipPrediction } from '../../../schemas/prediction.ts';
import type { PredictAnswer } from '../../../schemas/serving.ts';
import { publishTinyDataset } from '../../pipelines/evaluation/tiny-dataset.ts';
import { until } from '../../support/observe.ts';
import { predictedBy } from './predicted.ts';

const MODEL = 'tiny';
let folder: string;
let clips: string;
let store: Store;
let files: string[];
/** What `modalmix predict` says of `files`, by version. */
const expected = new Map<number, ClipPrediction[]>();

interface RunningServer {
  readonly url: string;
  readonly childPid: number;
  readonly process: ChildProcess;
  readonly events: Record<string, unknown>[];
  stop(): Promise<number | null>;
}

const running = new Set<ChildProcess>();

async function start(
  flags: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<RunningServer> {
  const words = ['serve', '--model', MODEL, '--store', store.uri, '--port', '0', '--json', ...flags];
  const server = spawn(process.execPath, [join(PROJECT_FOLDER, 'cli/modalmix.mjs'), ...words], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Where it keeps what is sent to it.
    env: { ...process.env, TMPDIR: folder, ...env },
  });
  running.add(server);
  const events: Record<string, unknown>[] = [];
  let stderr = '';
  server.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  createInterface({ input: server.stdout }).on('line', (line) => {
    events.push(JSON.parse(line) as Record<string, unknown>);
  });
  const told = () => events.find(({ event }) => event === 'serving');
  await until(`the server: ${stderr}`, () => told() !== undefined, server);
  const { url, childPid } = told() as { url: string; childPid: number };
  return {
    ...{ url, childPid, process: server, events },
    stop: async () => {
      if (server.exitCode === null) {
        server.kill('SIGTERM');
        await once(server, 'exit');
      }
      running.delete(server);
      return server.exitCode;
    },
  };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-serving-'));
  clips = join(folder, 'clips');
  store = openStore(`file:${join(folder, 'store')}`);
  const { config, manifest } = await publishTinyDataset(store, clips);
  const specs = trainingSpecs({ ...config, training: { ...config.training, seeds: [0, 1] } }, manifest);
  for (const spec of specs) {
    await runTraining({ storeUri: store.uri, spec });
    await registerVersion(store, await versionOf(store, MODEL, spec), new Date());
  }
  await moveCurrent(store, { model: MODEL, to: 1, by: 'first', reason: 'test', now: new Date() });
  files = ['low/0', 'low/1', 'high/0', 'high/1'].map((name) => join(clips, 'test', `${name}.mp4`));
  for (const version of [1, 2]) {
    expected.set(version, await predictedBy(store, MODEL, version, files));
  }
}, 240_000);

afterAll(async () => {
  for (const one of running) one.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

async function upload(url: string, paths: readonly string[], headers: Record<string, string> = {}) {
  const form = new FormData();
  for (const path of paths) form.append('clip', new Blob([await readFile(path)]), path.split('/').at(-1));
  return await fetch(`${url}/v1/predict`, { method: 'POST', body: form, headers });
}

async function byUri(url: string, uris: readonly string[], headers: Record<string, string> = {}) {
  return await fetch(`${url}/v1/predict`, {
    method: 'POST',
    body: JSON.stringify({ clips: uris.map((uri) => ({ uri })) }),
    headers: { 'content-type': 'application/json', ...headers },
  });
}

const answerOf = async (response: Response) => (await response.json()) as PredictAnswer;
const uriOf = (path: string) => pathToFileURL(path).href;

/** The answer's numbers are those of `modalmix predict`, bit by bit. */
function expectEqual(answer: PredictAnswer, version: number, which = files): void {
  expect(answer.model).toMatchObject({ name: MODEL, version });
  const rows = answer.clips.map((clip) =>
    'error' in clip
      ? clip
      : { fused: clip.fused, branches: clip.branches, missingCodes: codes(clip.missing) },
  );
  const wanted = which.map((file) => {
    const one = expected.get(version)![files.indexOf(file)]!;
    if ('problem' in one) throw new Error('a clip of the test is not usable');
    return { fused: one.fused, branches: one.branches, missingCodes: codes(one.missing) };
  });
  expect(rows).toEqual(wanted);
}

const codes = (missing: object) =>
  Object.entries(missing).map(([modality, { code }]: [string, { code: string }]) => [modality, code]);

describe('a server on the loopback', () => {
  let server: RunningServer;
  let validate: (name: string) => ValidateFunction;

  beforeAll(async () => {
    server = await start([
      '--allow-root',
      clips,
      '--max-clips',
      '8',
      '--max-body-mib',
      '1',
      '--max-wait-ms',
      '2000',
    ]);
    const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
      openapi: string;
      components: { schemas: Record<string, object> };
      paths: Record<string, object>;
    };
    expect(document.openapi).toBe('3.1.0');
    const ajv = new Ajv2020({ strict: false });
    ajv.addSchema({ $id: 'document', ...document });
    validate = (name) => ajv.compile({ $ref: `document#/components/schemas/${name}` });
  }, 120_000);

  const expectError = async (response: Response, status: number, code: string) => {
    const answer: unknown = await response.json();
    expect([response.status, answer]).toEqual([
      status,
      {
        requestId: response.headers.get('x-request-id'),
        error: { code, reason: expect.any(String) as string },
      },
    ]);
    expect(validate('ErrorAnswer')(answer)).toBe(true);
    expect(JSON.stringify(answer)).not.toMatch(/node_modules|\.ts:|modalmix-serve-/u);
  };

  it('answers uploads and files byte for byte as modalmix predict does, as its OpenAPI document says', async () => {
    const uploaded = await upload(server.url, files);
    expect(uploaded.status).toBe(200);
    const answer = await answerOf(uploaded);
    expectEqual(answer, 1);
    expect(answer.clips.map(({ clip }) => clip)).toEqual(['0.mp4', '1.mp4', '0.mp4', '1.mp4']);
    expect(answer.classNames).toEqual(['high', 'low']);
    expect(validate('PredictAnswer')(answer)).toBe(true);
    expect(validate('PredictAnswer')({ ...answer, requestId: 7 })).toBe(false);
    const named = await answerOf(await byUri(server.url, files.map(uriOf)));
    expectEqual(named, 1);
    expect(named.requestId).not.toBe(answer.requestId);
    // One clip alone, too: how many others are judged with it changes no bit.
    expectEqual(await answerOf(await upload(server.url, [files[2]!])), 1, [files[2]!]);
    const ready: unknown = await (await fetch(`${server.url}/ready`)).json();
    expect(ready).toMatchObject({ ready: true, model: { name: MODEL, version: 1 } });
    expect(validate('Ready')(ready)).toBe(true);
    expect(validate('Health')(await (await fetch(`${server.url}/health`)).json())).toBe(true);
  });

  it('judges requests that come together as one batch', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const file = files[index % 4]!;
        return { file, answer: await answerOf(await byUri(server.url, [uriOf(file)])) };
      }),
    );
    for (const { file, answer } of answers) expectEqual(answer, 1, [file]);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    const number = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'mu').exec(metrics)?.[1]);
    expect(number('modalmix_serve_batch_clips_sum')).toBeGreaterThan(
      number('modalmix_serve_batch_clips_count') * 1.5,
    );
    expect(number('modalmix_serve_model_version')).toBe(1);
    expect(metrics).toContain('modalmix_serve_requests_total{status="200"}');
  });

  it('a clip that is empty, corrupt, no media, gone or outside costs only itself', async () => {
    const broken = join(folder, 'broken.mp4');
    await writeFile(broken, (await readFile(files[1]!)).subarray(0, 900));
    const text = join(folder, 'text.mp4');
    await writeFile(text, 'ffconcat version 1.0\nfile /etc/passwd\n');
    const empty = join(folder, 'empty.mp4');
    await writeFile(empty, '');
    const answer = await answerOf(await upload(server.url, [files[0]!, broken, text, empty, files[3]!]));
    expect(validate('PredictAnswer')(answer)).toBe(true);
    const [first, ...others] = answer.clips;
    expectEqual({ ...answer, clips: [first!, others[3]!] }, 1, [files[0]!, files[3]!]);
    expect(others.slice(0, 3).map((one) => ('error' in one ? one.error.code : 'answered'))).toEqual([
      expect.stringMatching(/^(?:unreadable|no-streams|nothing-usable)$/u) as string,
      expect.stringMatching(/^(?:unreadable|no-streams|nothing-usable)$/u) as string,
      'empty',
    ]);

    const link = join(clips, 'link.mp4');
    await symlink('/etc/passwd', link);
    const named = await answerOf(
      await byUri(server.url, [
        ...[
          'file:///etc/passwd',
          uriOf(link),
          `${uriOf(clips)}/../store/../../etc/passwd`,
          'https://example.org/a.mp4',
        ],
        ...[uriOf(join(clips, 'none.mp4')), uriOf(clips), uriOf(files[0]!)],
      ]),
    );
    await rm(link);
    expect(named.clips.map((one) => ('error' in one ? one.error.code : 'answered'))).toEqual([
      ...['path-not-allowed', 'path-not-allowed', 'path-not-allowed', 'scheme-not-allowed'],
      ...['missing-file', 'unreadable', 'answered'],
    ]);
    expect(JSON.stringify(named)).not.toContain('root:');
  });

  it('refuses what is too large, too many, malformed or from elsewhere, and keeps nothing of it', async () => {
    const large = join(folder, 'large.mp4');
    await writeFile(large, Buffer.alloc(2 ** 20 + 1));
    await expectError(await upload(server.url, [large]), 413, 'too-large');
    // Without a length beforehand it is the bytes themselves that are counted.
    const chunked = await fetch(`${server.url}/v1/predict`, {
      method: 'POST',
      duplex: 'half',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
      body: new ReadableStream({
        start: (controller) => {
          controller.enqueue(
            Buffer.from('--b\r\nContent-Disposition: form-data; name="clip"; filename="a.mp4"\r\n\r\n'),
          );
          for (let n = 0; n < 20; n += 1) controller.enqueue(Buffer.alloc(2 ** 17));
          controller.close();
        },
      }),
    });
    await expectError(chunked, 413, 'too-large');
    await expectError(
      await upload(
        server.url,
        Array.from({ length: 9 }, () => files[0]!),
      ),
      413,
      'too-many-clips',
    );
    const uris = Array.from({ length: 9 }, () => uriOf(files[0]!));
    await expectError(await byUri(server.url, uris), 413, 'too-many-clips');
    const post = async (type: string, body: string) =>
      await fetch(`${server.url}/v1/predict`, { method: 'POST', headers: { 'content-type': type }, body });
    await expectError(await post('text/plain', '{}'), 415, 'content-type');
    await expectError(await post('application/json', '{"clips":[]}'), 400, 'json');
    await expectError(await post('application/json', '{"clips":'), 400, 'json');
    for (const body of [
      '',
      '--b',
      '--b\r\n',
      '--b\r\n\r\nx',
      '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--b--',
    ]) {
      await expectError(await post('multipart/form-data; boundary=b', body), 400, 'multipart');
    }
    await expectError(await post('multipart/form-data; boundary=b', '--b--'), 400, 'no-clips');
    await expectError(await post('multipart/form-data', 'x'), 400, 'multipart');
    await expectError(await fetch(`${server.url}/v1/predict`), 405, 'method');
    await expectError(await fetch(`${server.url}/v2`), 404, 'not-found');
    await expectError(
      await byUri(server.url, [uriOf(files[0]!)], { origin: 'https://elsewhere.example' }),
      403,
      'origin',
    );
    const rebound = await new Promise<number>((resolve, reject) => {
      const { hostname, port } = new URL(server.url);
      httpRequest({ hostname, port, path: '/ready', headers: { host: 'evil.example' } }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
        .on('error', reject)
        .end();
    });
    expect(rebound).toBe(421);
    // An answer may come before what was sent with its request is deleted.
    const kept = async () => {
      const folders = (await readdir(folder)).filter((name) => name.startsWith('modalmix-serve-'));
      expect(folders.length).toBeGreaterThan(0);
      return (await Promise.all(folders.map(async (name) => await readdir(join(folder, name))))).flat();
    };
    await expect.poll(kept, { timeout: 10_000 }).toEqual([]);
  });

  it('takes a promotion and a rollback over while it answers, each request by one version', async () => {
    const seen: number[] = [];
    const ask = async () => {
      const answer = await answerOf(await byUri(server.url, files.map(uriOf)));
      expectEqual(answer, answer.model.version!);
      seen.push(answer.model.version!);
    };
    const askUntil = async (version: number) => {
      await until(`version ${String(version)}`, async () => {
        await Promise.all([ask(), ask(), ask()]);
        return seen.at(-1) === version;
      });
    };
    await ask();
    await moveCurrent(store, { model: MODEL, to: 2, by: 'promote', reason: 'test', now: new Date() });
    await askUntil(2);
    await rollback(store, { model: MODEL, reason: 'test', now: new Date() });
    await askUntil(1);
    // Never back and forth: 1…1 2…2 1…1.
    expect(seen.join('').replaceAll(/(.)\1+/gu, '$1')).toBe('121');
  });

  it('a killed child process is replaced, and who asked meanwhile is answered', async () => {
    const before = server.childPid;
    const asked = Array.from({ length: 4 }, async () => await byUri(server.url, files.map(uriOf)));
    process.kill(before, 'SIGKILL');
    for (const response of await Promise.all(asked)) {
      if (response.status === 200) expectEqual(await answerOf(response), 1);
      else expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    }
    expectEqual(await answerOf(await upload(server.url, files)), 1);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toContain('modalmix_serve_model_events_total{event="restarted"} 1');
    expect((await fetch(`${server.url}/ready`)).status).toBe(200);
  });

  it('at SIGTERM answers what is under way and ends, with nothing left behind', async () => {
    const asked = Array.from({ length: 3 }, async () => await byUri(server.url, files.map(uriOf)));
    await until('requests under way', async () => {
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      return /^modalmix_serve_requests_in_flight [1-9]/mu.test(metrics) || asked.length === 0;
    }).catch(() => undefined);
    const ended = server.stop();
    for (const response of await Promise.all(asked)) expectEqual(await answerOf(response), 1);
    expect(await ended).toBe(0);
    expect(server.events.at(-1)).toMatchObject({ event: 'stopped' });
    await expect(fetch(`${server.url}/health`)).rejects.toThrow();
  });
});

describe('a server that is full, or reachable by others', () => {
  it('says so with 429 and when to come again; a request that takes too long ends with 504', async () => {
    const server = await start([
      '--allow-root',
      clips,
      '--max-queue',
      '4',
      '--max-clips',
      '4',
      '--timeout-s',
      '1',
      '--max-wait-ms',
      '900',
    ]);
    const asked = await Promise.all(
      Array.from({ length: 8 }, async () => await byUri(server.url, files.slice(0, 1).map(uriOf))),
    );
    const statuses = asked.map(({ status }) => status);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(0);
    for (const one of asked.filter(({ status }) => status === 429))
      expect(one.headers.get('retry-after')).toBe('1');
    const late = new ReadableStream({
      start: (controller) => {
        controller.enqueue(Buffer.from('--b\r\n'));
      },
    });
    const headers = { 'content-type': 'multipart/form-data; boundary=b' };
    const init = { method: 'POST', duplex: 'half', headers, body: late } as RequestInit;
    const slow = await fetch(`${server.url}/v1/predict`, init);
    expect([slow.status, ((await slow.json()) as { error: { code: string } }).error.code]).toEqual([
      504,
      'timeout',
    ]);
    expect(await server.stop()).toBe(0);
  }, 60_000);

  it('asks for its token on another address than the loopback, and does not start without one', async () => {
    await expect(start(['--host', '0.0.0.0'])).rejects.toThrow('ended before');
    const token = 'a-token-of-some-length';
    const file = join(folder, 'token');
    await writeFile(file, `${token}\n`);
    const server = await start(['--host', '0.0.0.0'], { MODALMIX_SERVE_TOKEN_FILE: file });
    const url = `http://127.0.0.1:${new URL(server.url).port}`;
    for (const authorization of ['', 'Bearer', 'Bearer wrong', `Basic ${token}`, `Bearer ${token}x`]) {
      const refused = await upload(url, [files[0]!], { authorization });
      expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    }
    for (const path of ['/metrics', '/openapi.json']) expect((await fetch(`${url}${path}`)).status).toBe(401);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expectEqual(await answerOf(await upload(url, [files[0]!], { authorization: `Bearer ${token}` })), 1, [
      files[0]!,
    ]);
    // No folder was allowed.
    const named = await answerOf(await byUri(url, [uriOf(files[0]!)], { authorization: `Bearer ${token}` }));
    expect(named.clips[0]).toMatchObject({ error: { code: 'path-not-allowed' } });
    expect(JSON.stringify(server.events)).not.toContain(token);
    await server.stop();
  }, 60_000);
});
