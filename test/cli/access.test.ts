/** What a home, a store, logs, outputs, metrics and histories of real runs show, and who can have work done there. */
import { chmod, mkdtemp, readFile, readdir, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, Connection, WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unwrapFailure } from '../../runs/follow.ts';
import { freePorts } from '../../infra/ports.ts';
import { runningSupervisor } from '../../infra/supervisor/supervise.ts';
import { addressOf, embeddedTemporal } from '../../infra/temporal/embedded-server.ts';
import { homeKeyFile } from '../../infra/temporal/home-key.ts';
import { protectedClient } from '../../infra/temporal/protection.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { TASK_QUEUES, storePaths } from '../../schemas/names.ts';
import { WORKFLOWS } from '../../schemas/workflows.ts';
import { until } from '../support/observe.ts';
import { createProject, tinyConfig, type CommandResult, type Project } from '../support/project.ts';
import { isRoot, trySecondUser } from '../support/second-user.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';

const planted = () => randomBytes(32).toString('base64');
const SECRETS = {
  AWS_ACCESS_KEY_ID: 'AKIAPLANTEDPLANTED',
  AWS_SECRET_ACCESS_KEY: planted(),
  AWS_SESSION_TOKEN: planted(),
  KAFKA_SASL_PASSWORD: planted(),
  KAFKA_TLS_CLIENT_KEY_PASSWORD: planted(),
  TEMPORAL_API_KEY: planted(),
  MODALMIX_SIGNING_KEYS: planted(),
  MODALMIX_CODEC_KEYS: planted(),
  MODALMIX_WEBHOOK_SECRET: planted(),
  MLFLOW_TRACKING_TOKEN: planted(),
  MLFLOW_TRACKING_PASSWORD: planted(),
} as const;
/** Says who one is, not that one is it. */
const { AWS_ACCESS_KEY_ID: _, ...SECRET } = SECRETS;

let project: Project;
let clips: string;
/** With the key. */
let owner: Client;
let run: CommandResult;
const outputs: string[] = [];

async function modalmix(...words: string[]): Promise<CommandResult> {
  const result = await project.modalmix(...words);
  outputs.push(result.stdout, result.stderr);
  return result;
}

beforeAll(async () => {
  Object.assign(process.env, SECRETS);
  project = await createProject();
  clips = await makeTinyClips({ clipsPerClass: 6 });
  run = await modalmix('run', await project.config('ok', tinyConfig(clips, 'ok', { epochs: 1 })));
  const connection = await Connection.connect({ address: addressOf(embeddedTemporal.running()!) });
  owner = protectedClient(connection, { embedded: true, namespace: 'default' });
}, 600_000);

afterAll(async () => {
  await owner.connection.close();
  await project.end();
  await rm(clips, { recursive: true, force: true });
  for (const name of Object.keys(SECRETS)) Reflect.deleteProperty(process.env, name);
});

/** Every file below a folder that is not there for the key itself, with its path. */
async function filesOf(folder: string): Promise<{ readonly path: string; readonly content: Buffer }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const others = paths.filter((path) => path !== homeKeyFile());
  return await Promise.all(others.map(async (path) => ({ path, content: await readFile(path) })));
}

async function histories(): Promise<string> {
  const texts: string[] = [];
  for await (const { workflowId, runId } of owner.workflow.list()) {
    texts.push(JSON.stringify(await owner.workflow.getHandle(workflowId, runId).fetchHistory()));
  }
  return texts.join('\n');
}

describe('a home with its runs', () => {
  it('works with the key that it has made, encrypted', () => {
    expect(run.stderr).toBe('');
    expect(run.exitCode).toBe(0);
  });

  it('is closed to others: the home, its key and what lies in it', async () => {
    const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);
    const home = process.env['MODALMIX_HOME']!;
    expect(await modeOf(home)).toBe('700');
    expect(await modeOf(homeKeyFile())).toBe('600');
    for (const name of ['keys', 'supervisor', 'temporal'])
      expect(await modeOf(join(home, name)), name).toBe('700');
    expect(existsSync(join(home, 'supervisor', 'worker.log'))).toBe(true);
  });

  it('listens on loopback alone', async () => {
    const { process: supervisor, worker } = runningSupervisor()!;
    const pids = [supervisor.pid, worker!.pid, embeddedTemporal.running()!.process.pid];
    const listening = (await Promise.all(pids.map(listeningOf))).flat();
    expect(listening.length).toBeGreaterThanOrEqual(3);
    expect(listening.filter((address) => !/^127\.|^::1$/u.test(address))).toEqual([]);
  });

  it('gives another user of the machine nothing, and reads nothing for that user, while it works', async () => {
    // What keeps others out is what Modalmix made, not the folder that it was started in.
    await chmod(project.folder, 0o755);
    await chmod(clips, 0o700);
    const [config = ''] = (await project.store('ok').list('runs')).filter((path) =>
      path.endsWith('/config.json'),
    );
    const runId = config.split('/')[1]!;
    // A store that all can write to, with a config that names a dataset's folder which its owner alone can read.
    const theirs = await mkdtemp(join(tmpdir(), 'modalmix-theirs-'));
    const stolen = join(theirs, storePaths.runConfig(runId));
    const content = await project.store('ok').get(config);
    await openStore(`file:${theirs}`).put(storePaths.runConfig(runId), content);
    for (const path of [
      theirs,
      ...(await readdir(theirs, { recursive: true })).map((name) => join(theirs, name)),
    ])
      await chmod(path, 0o777);

    const page = project.start('ui', '--json');
    let words = '';
    page.stdout.on('data', (bytes: Buffer) => (words += bytes.toString('utf8')));
    const busy = await project.config('busy', tinyConfig(clips, 'ok', { epochs: 8 }));
    const working = project.start('run', busy);
    const home = process.env['MODALMIX_HOME']!;
    const store = join(project.folder, 'ok');
    await until('the page', () => words.includes('\n'), page);
    const server = embeddedTemporal.running()!;
    const { process: supervisor, worker } = runningSupervisor()!;
    const shown = new URL((JSON.parse(words.split('\n')[0]!) as { readonly url: string }).url);
    const everything = await filesOf(project.folder);
    expect(working.exitCode).toBeNull();
    const { uid, answers, commandLines } = await trySecondUser({
      // What the owner wrote has the modes that its owner gave it.
      read: [home, store, clips, homeKeyFile(), ...everything.map(({ path }) => path)].filter(
        (path) => !path.endsWith('.yaml'),
      ),
      plant: [project.folder, home, join(home, 'keys'), join(home, 'supervisor'), store, clips],
      processes: [server.process.pid, supervisor.pid, worker!.pid],
      workflows: {
        address: addressOf(server),
        http: server.ports.slice(1).map((port) => `http://127.0.0.1:${String(port)}`),
        taskQueue: TASK_QUEUES.control,
        starts: [
          {
            ...{ id: 'theirs', type: WORKFLOWS.rebuildAndTrain },
            input: { storeUri: `file:${theirs}`, runId, methods: ['b-mm'], seeds: [0] },
          },
        ],
      },
      pages: ['/', '/api/stores', '/api/runs', '/?token=x'].map((path) => `${shown.origin}${path}`),
    });
    expect(uid).toBe(isRoot ? 65_534 : process.getuid?.());
    const told = Object.entries(answers);
    const of = (what: string) => told.filter(([name]) => name.startsWith(what)).map(([, answer]) => answer);
    expect(everything.length).toBeGreaterThan(20);
    expect(told.filter(([name, answer]) => /^(?:read|plant) /u.test(name) && answer !== 'no')).toEqual([]);
    expect(told.filter(([name, answer]) => name.includes(' process ') && answer !== 'no')).toEqual([]);
    expect(of('page')).toHaveLength(4);
    for (const answer of of('page')) expect(answer).toMatch(/^done: 401 /u);
    const key = JSON.parse(await readFile(homeKeyFile(), 'utf8')) as { readonly keys: readonly string[] };
    for (const secret of [...Object.values(SECRET), ...key.keys])
      expect(commandLines.join('\n')).not.toContain(secret);

    // The server takes what it is asked for; the worker does not.
    expect(of('gRPC')).toEqual(['done: started']);
    expect(of('HTTP').filter((answer) => answer === 'done: 200').length).toBeGreaterThan(0);
    const started: string[] = [];
    for await (const { workflowId } of owner.workflow.list())
      if (workflowId.startsWith('theirs')) started.push(workflowId);
    expect(started).toContain('theirs');
    for (const id of started) {
      const error: unknown = await owner.workflow
        .getHandle(id)
        .result()
        .catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(WorkflowFailedError);
      expect(unwrapFailure(error as WorkflowFailedError).message).toContain(
        'refused, and nothing was read: it is not signed',
      );
    }
    expect((await filesOf(theirs)).map(({ path }) => path)).toEqual([stolen]);
    const status = await modalmix('status', 'theirs');
    expect(status.stdout).toContain('failed');
    page.kill('SIGINT');
    expect((await page).exitCode).toBe(0);
    expect((await working).exitCode).toBe(0);
    await rm(theirs, { recursive: true });
  });
});

describe('secrets of the environment', () => {
  it('are in nothing that runs write, print, count and remember, of good ones and bad ones', async () => {
    const [closed = 0, metricsPort = 0] = await freePorts(2);
    const nobody = `127.0.0.1:${String(closed)}`;

    const broken = await makeTinyClips({ clipsPerClass: 2 });
    const brokenFiles = (await readdir(broken, { recursive: true })).filter((name) => name.endsWith('.mp4'));
    for (const name of brokenFiles) await writeFile(join(broken, name), 'not a film');
    const bad = await modalmix(
      'run',
      await project.config('bad', tinyConfig(broken, 'bad', { epochs: 1 })),
      '--verbose',
    );
    expect(bad.exitCode).not.toBe(0);

    process.env['AWS_ENDPOINT_URL_S3'] = `http://${nobody}`;
    process.env['AWS_REGION'] = 'eu-west-1';
    process.env['AWS_MAX_ATTEMPTS'] = '1';
    const away = { ...tinyConfig(clips, 'x'), store: 's3://lab/away' };
    expect((await modalmix('run', await project.config('away', away), '--verbose')).exitCode).not.toBe(0);
    for (const name of ['AWS_ENDPOINT_URL_S3', 'AWS_REGION', 'AWS_MAX_ATTEMPTS']) {
      Reflect.deleteProperty(process.env, name);
    }
    await modalmix('status');
    const servers = {
      ...{ KAFKA_BROKERS: nobody, KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_SASL_USERNAME: 'me' },
      TEMPORAL_ADDRESS: nobody,
    };
    Object.assign(process.env, servers);
    expect((await modalmix('doctor', '--json')).stdout).toContain(`${nobody} does not answer`);
    for (const name of Object.keys(servers)) Reflect.deleteProperty(process.env, name);

    const ready = join(project.folder, 'ready');
    const flags = ['--queues', 'control', '--metrics', `127.0.0.1:${String(metricsPort)}`];
    const worker = project.start('worker', ...flags, '--ready-file', ready);
    await until('the worker', () => existsSync(ready), worker);
    const metrics = await (await fetch(`http://127.0.0.1:${String(metricsPort)}/metrics`)).text();
    expect(metrics).toContain('temporal_');
    worker.kill('SIGTERM');
    const { stdout, stderr } = await worker;
    outputs.push(stdout, stderr);
    await rm(broken, { recursive: true });

    const home = JSON.parse(await readFile(homeKeyFile(), 'utf8')) as { readonly keys: readonly string[] };
    const secrets = { ...SECRET, homeKey: home.keys[0]! };
    const files = await filesOf(project.folder);
    expect(files.length).toBeGreaterThan(20);
    const kept = [
      ...files.map(({ path, content }) => [path, content.toString('latin1')] as const),
      ['output', outputs.join('\n')] as const,
      ['metrics', metrics] as const,
      ['histories', await histories()] as const,
    ];
    const found = Object.entries(secrets).flatMap(([name, secret]) => {
      const forms = [
        secret,
        Buffer.from(secret, 'base64').toString('hex'),
        Buffer.from(secret).toString('base64'),
      ];
      return kept
        .filter(([, text]) => forms.some((form) => text.includes(form)))
        .map(([where]) => `${name} in ${where}`);
    });
    expect(found).toEqual([]);
    // What is looked for would be found.
    expect(kept.some(([, text]) => text.includes('modalmix'))).toBe(true);
    // And of an encrypted run the server knows no path.
    const database = kept.filter(([path]) => path.includes('temporal.db'));
    expect(database.length).toBeGreaterThan(0);
    expect(database.filter(([, text]) => text.includes(clips)).map(([path]) => path)).toEqual([]);
  }, 600_000);
});

/** Local addresses of the sockets on which a process listens. */
async function listeningOf(pid: number): Promise<string[]> {
  const folder = `/proc/${String(pid)}`;
  const names = await readdir(join(folder, 'fd'));
  const links = await Promise.all(
    names.map(async (name) => await readlink(join(folder, 'fd', name)).catch(() => '')),
  );
  const own = new Set(links.map((link) => /^socket:\[(\d+)\]$/u.exec(link)?.[1]));
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map(async (name) => await readFile(join(folder, 'net', name), 'utf8').catch(() => '')),
  );
  return tables.flatMap((table) =>
    table
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/u))
      .filter(([, , , state, , , , , , inode]) => state === '0A' && own.has(inode))
      .map(([, local = '']) => addressOfHex(local.split(':')[0] ?? '')),
  );
}

function addressOfHex(hex: string): string {
  if (hex.length === 8) {
    return [6, 4, 2, 0].map((at) => String(Number.parseInt(hex.slice(at, at + 2), 16))).join('.');
  }
  if (hex === '00000000000000000000000001000000') return '::1';
  // An IPv4 address in an IPv6 socket.
  return hex.startsWith('0000000000000000FFFF0000') ? addressOfHex(hex.slice(24)) : hex;
}
