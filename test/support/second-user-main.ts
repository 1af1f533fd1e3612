/** The process of `second-user.ts`: it loads what it needs, becomes another user, and tries. */
import { constants, readFileSync, readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { brokerAnswers } from '../../pipelines/streaming/kafka/broker-health.ts';
import { connectProducer, disconnect } from '../../pipelines/streaming/kafka/clients.ts';
import { deliver } from '../../pipelines/streaming/kafka/deliver.ts';
import { rdkafka } from '../../pipelines/streaming/kafka/rdkafka.ts';

export interface Tries {
  /** To be read, or listed. */
  readonly read?: readonly string[];
  /** To have a file planted in them. */
  readonly plant?: readonly string[];
  /** Of the owner: their environment, memory, open files and folders are looked at, and they are sent a signal. */
  readonly processes?: readonly number[];
  readonly workflows?: {
    readonly address: string;
    readonly http: readonly string[];
    readonly taskQueue: string;
    readonly starts: readonly { readonly id: string; readonly type: string; readonly input: object }[];
  };
  /** Pages to be asked for. */
  readonly pages?: readonly string[];
  /** Kafka brokers' ports, with a topic to be written to. */
  readonly brokers?: readonly { readonly address: string; readonly topic: string }[];
}

/** By what was tried. */
export interface Answers {
  readonly uid: number;
  readonly answers: Readonly<Record<string, string>>;
  /** Command lines of the owner's processes, which every user can read. */
  readonly commandLines: readonly string[];
}

type Seen = string | number | boolean | undefined;
type Action = () => Seen | Promise<Seen>;

const NOBODY = 65_534;
const NO = 'no';

process.once('message', (tries: Tries) => {
  void (async () => {
    // The client's library is read while that is possible.
    if (tries.brokers !== undefined) rdkafka();
    const isRoot = process.getuid?.() === 0;
    if (isRoot) {
      process.setgroups?.([]);
      process.setgid?.(NOBODY);
      process.setuid?.(NOBODY);
    }
    process.send?.(await answersTo(tries, isRoot));
    process.disconnect();
  })();
});

async function answersTo(tries: Tries, isOther: boolean): Promise<Answers> {
  const answers: Record<string, string> = {};
  const attempt = async (name: string, action: Action) => {
    try {
      answers[name] = `done: ${String((await action()) ?? '').slice(0, 300)}`;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      answers[name] = ['EACCES', 'EPERM'].includes(code) ? NO : `failed: ${String(error).slice(0, 300)}`;
    }
  };
  for (const path of tries.read ?? []) {
    await attempt(`read ${path}`, () => {
      if (!isOther) return requireOpenToOthers(path, constants.R_OK);
      return statSync(path).isDirectory() ? readdirSync(path).join(' ') : readFileSync(path).length;
    });
  }
  for (const folder of tries.plant ?? []) {
    const path = join(folder, 'planted');
    await attempt(`plant ${folder}`, () => {
      if (!isOther) return requireOpenToOthers(folder, constants.W_OK);
      writeFileSync(path, 'planted');
      return 'planted';
    });
  }
  const commandLines: string[] = [];
  for (const pid of tries.processes ?? []) {
    const place = `/proc/${String(pid)}`;
    commandLines.push(readFileSync(join(place, 'cmdline'), 'utf8').replaceAll('\0', ' '));
    // Without root it is the owner's own process that asks.
    if (!isOther) continue;
    for (const name of ['environ', 'mem', 'maps'])
      await attempt(`${name} of process ${String(pid)}`, () => readFileSync(join(place, name)).length);
    await attempt(`open files of process ${String(pid)}`, () => readdirSync(join(place, 'fd')).join(' '));
    await attempt(`folder of process ${String(pid)}`, () => readlinkSync(join(place, 'cwd')));
    await attempt(`signal to process ${String(pid)}`, () => process.kill(pid, 'SIGTERM'));
  }
  if (tries.workflows !== undefined) await startWorkflows(tries.workflows, commandLines, attempt);
  for (const page of tries.pages ?? []) {
    await attempt(`page ${page}`, async () => {
      const answer = await fetch(page, { redirect: 'manual' });
      return `${String(answer.status)} ${await answer.text()}`;
    });
  }
  await Promise.all(
    (tries.brokers ?? []).map(async ({ address, topic }) => await useBroker(address, topic, attempt)),
  );
  return { uid: process.getuid?.() ?? -1, answers, commandLines };
}

/** Reads what is on a topic, and puts an event onto it. */
async function useBroker(
  address: string,
  topic: string,
  attempt: (name: string, action: Action) => Promise<void>,
): Promise<void> {
  const stranger = { brokers: [address], clientId: 'stranger' };
  const guess = (mechanism: 'PLAIN' | 'SCRAM-SHA-256', username: string) => ({
    ...stranger,
    sasl: { mechanism, username, password: 'guessed' },
  });
  const ways = {
    ...{ open: stranger, plain: guess('PLAIN', 'modalmix') },
    scram: guess('SCRAM-SHA-256', 'modalmix'),
  };
  const using = Object.entries(ways).map(async ([name, connection]) => {
    await attempt(`broker ${address} ${name}`, async () => {
      if (!(await brokerAnswers(connection))) throw Object.assign(new Error('refused'), { code: 'EPERM' });
      const producer = await connectProducer(connection, 'stranger', { dr_cb: true });
      await deliver(producer, [{ topic, key: 'planted', value: Buffer.from('planted') }]);
      await disconnect(producer);
      return 'sent';
    });
  });
  await Promise.all(using);
}

async function startWorkflows(
  { address, http, taskQueue, starts }: NonNullable<Tries['workflows']>,
  commandLines: readonly string[],
  attempt: (name: string, action: Action) => Promise<void>,
): Promise<void> {
  const connection = await Connection.connect({ address });
  const client = new Client({ connection });
  // The name that the server answers to over HTTP stands in its command line.
  const host = /[0-9a-f-]{36}\.invalid/u.exec(commandLines.join(' '))?.[0];
  for (const { id, type, input } of starts) {
    await attempt(`gRPC ${type}`, async () => {
      await client.workflow.start(type, { workflowId: id, taskQueue, args: [input] });
      return 'started';
    });
    for (const [place, url] of http.entries()) {
      for (const [name, headers] of Object.entries({ plain: {}, named: { Host: host ?? '' } })) {
        await attempt(`HTTP ${url} ${name}`, async () => {
          const workflowId = `${id}-http-${String(place)}-${name}`;
          return await post(`${url}/api/v1/namespaces/default/workflows/${workflowId}`, headers, {
            workflowType: { name: type },
            taskQueue: { name: taskQueue },
            input: [input],
          });
        });
      }
    }
  }
  await connection.close();
}

/** `fetch` sets the host itself. @returns the status */
async function post(url: string, headers: Record<string, string>, body: object): Promise<string> {
  const { request } = await import('node:http');
  return await new Promise((resolve, reject) => {
    const asking = request(
      url,
      { method: 'POST', headers: { 'Content-Type': 'text/plain', ...headers } },
      (answer) => {
        answer.resume().once('end', () => {
          resolve(String(answer.statusCode));
        });
      },
    );
    asking.once('error', reject);
    asking.end(JSON.stringify(body));
  });
}

/** Whether the modes of a path let a user do it who neither owns it nor is of its group. @throws as the system would */
function requireOpenToOthers(path: string, wanted: number): string {
  const facts = statSync(path);
  const { mode } = facts;
  const needed = facts.isDirectory() ? wanted | constants.X_OK : wanted;
  if ((mode & needed) !== needed) throw Object.assign(new Error('closed'), { code: 'EACCES' });
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    if ((statSync(folder).mode & constants.X_OK) === 0)
      throw Object.assign(new Error('closed'), { code: 'EACCES' });
  }
  return 'open to others';
}
