/** What decodes strangers' files reaches no network and has limits, where this machine lets anyone make namespaces. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { confinedFfmpeg } from '../../../pipelines/extraction/ffmpeg/confined-command.ts';
import { createNodeAvExtractor } from '../../../pipelines/extraction/node-av/pool.ts';
import { confined, confinement } from '../../../pipelines/process/confine.ts';

const folder = mkdtempSync(join(tmpdir(), 'modalmix-confine-'));
const { openNetwork, noLimits } = confinement();
let server: Server;
let port: number;
let connections = 0;

beforeAll(async () => {
  server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const run = async (words: readonly string[]) => {
  const [program = '', ...args] = words;
  return await execa(program, args, { reject: false });
};

test('a confined program does not reach even the machine it runs on; where that cannot be, the reason is known', async () => {
  const ask = `require('node:net').connect(${String(port)}, '127.0.0.1').on('connect', () => process.exit(0)).on('error', (e) => { console.log(e.code); process.exit(9); })`;
  expect((await run([process.execPath, '-e', ask])).exitCode).toBe(0);
  const before = connections;
  const { exitCode, stdout } = await run([...confined(), process.execPath, '-e', ask]);
  if (openNetwork === undefined) {
    expect([exitCode, stdout]).toEqual([9, 'ENETUNREACH']);
    expect(connections).toBe(before);
  } else {
    expect(openNetwork).toMatch(/unshare|namespace/u);
  }
});

test('ffmpeg, told to, asks nobody', async () => {
  const before = connections;
  const words = confinedFfmpeg(
    ['-nostdin', '-v', 'error', '-i', `tcp://127.0.0.1:${String(port)}`, '-f', 'null', '-'],
    10_000,
  );
  const { exitCode } = await run(words.flat());
  expect(exitCode).not.toBe(0);
  if (openNetwork === undefined) expect(connections).toBe(before);
});

test('the children of the fast engine have a network of their own, under the pid that they were started with', async () => {
  await createNodeAvExtractor();
  const parents = (pid: string) =>
    /^PPid:\t(\d+)$/mu.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  const children = readdirSync('/proc').filter((pid) => {
    try {
      return (
        /^\d+$/u.test(pid) &&
        parents(pid) === String(process.pid) &&
        readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('node-av-child')
      );
    } catch {
      return false;
    }
  });
  expect(children).toHaveLength(1);
  const [child = ''] = children;
  const own = readlinkSync('/proc/self/ns/net');
  if (openNetwork === undefined) expect(readlinkSync(`/proc/${child}/ns/net`)).not.toBe(own);
  if (noLimits === undefined) {
    const limits = readFileSync(`/proc/${child}/limits`, 'latin1');
    expect(limits).toMatch(/^Max file size\s+2147483648 /mu);
    expect(limits).toMatch(/^Max open files\s+256 /mu);
    expect(limits).toMatch(/^Max core file size\s+0 /mu);
  }
});

test.runIf(noLimits === undefined)(
  'a file beyond the limit is not written, and processor time ends',
  async () => {
    const file = join(folder, 'large');
    const large = await run([
      ...confined(),
      'dd',
      'if=/dev/zero',
      `of=${file}`,
      'bs=1',
      'count=1',
      `seek=${String(2 ** 31)}`,
    ]);
    expect(large.exitCode).not.toBe(0);
    expect(statSync(file).size).toBeLessThanOrEqual(2 ** 31);
    const endless = await run([...confined(1), process.execPath, '-e', 'for (;;);']);
    expect(endless.signal ?? endless.exitCode).toMatch(/SIGKILL|SIGXCPU/u);
  },
);

test('a clip’s own words are words for ffmpeg alone', () => {
  const [, args] = confinedFfmpeg(['-version'], 1_000);
  expect(args.at(-1)).toBe('-version');
  expect(execFileSync(...confinedFfmpeg(['-version'], 1_000), { encoding: 'utf8' })).toMatch(
    /^ffmpeg version/u,
  );
});
