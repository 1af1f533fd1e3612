import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runSteps } from '../../../infra/setup/run-steps.ts';
import type { Finding, SetupStep } from '../../../infra/setup/step.ts';
import { orPackages } from '../../../infra/setup/steps/or-packages.ts';
import { sortArguments } from '../../../infra/setup/zig.ts';
import { requireDiskSpace, surveyTable } from '../../../infra/setup/survey.ts';

const there: Finding = { inPlace: true, version: '9', origin: '/usr/bin/nine' };
const wheel: Finding = {
  ...{ inPlace: false, problem: 'it is missing', fix: 'npm run setup' },
  plan: { from: 'wheel some-bin 1.2', downloadBytes: 45e6, diskBytes: 1.1e9 },
};
const made: Finding = { inPlace: false, problem: 'not compiled', fix: 'npm run setup' };
const system: Finding = { ...made, plan: { from: 'apt-get: some', root: true } };

let cache: string;
// Of its own: another set-up of this user's may be under way, which is waited for.
beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), 'modalmix-survey-'));
  vi.stubEnv('MODALMIX_CACHE', cache);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(cache, { recursive: true });
});

describe('what set-up says before it does anything', () => {
  test('is a table of every part, and the sums', () => {
    const parts = [
      { step: { name: 'nine' }, finding: there },
      { step: { name: 'some' }, finding: wheel },
      { step: { name: 'kernels' }, finding: made },
      { step: { name: 'browser' }, finding: system },
    ];
    expect(surveyTable(parts)).toEqual([
      'part      state    from                fetched  on disk  root',
      'nine      there    /usr/bin/nine',
      'some      missing  wheel some-bin 1.2  45 MB    1.1 GB   no',
      'kernels   missing  made here                             no',
      'browser   missing  apt-get: some                         yes',
      'together                               45 MB    1.1 GB   yes',
    ]);
  });

  test('is that the disk is too small, with what is needed and what is free', async () => {
    const parts = [{ step: { name: 'some' }, finding: wheel }];
    await requireDiskSpace(parts, 2e9);
    await expect(requireDiskSpace(parts, 1.2e9)).rejects.toMatchObject({
      kind: 'dependency',
      message: 'set-up needs 1.3 GB for a while, and the disk has 1.2 GB free',
      fix: expect.stringContaining('MODALMIX_CACHE') as string,
    });
    await requireDiskSpace([{ step: { name: 'nine' }, finding: there }], 0);
  });

  test('comes before the first change, and what can be fetched is fetched together', async () => {
    const log: string[] = [];
    const done = new Set<string>();
    const step = (name: string): SetupStep => ({
      ...{ name, purpose: 'this test' },
      check: () => Promise.resolve(done.has(name) ? there : wheel),
      fetch: async () => {
        log.push(`fetch ${name}`);
        await Promise.resolve();
      },
      perform: () => {
        log.push(`perform ${name}`);
        done.add(name);
        return Promise.resolve();
      },
    });
    await runSteps([step('one'), step('two')], { engine: 'cpu', say: (line) => void log.push(line) });
    const first = log.findIndex((line) => line.startsWith('fetch'));
    expect(log.slice(0, first)[0]).toMatch(/^part +state/u);
    expect(log.slice(0, first).at(-1)).toMatch(/^together/u);
    const acts = log.filter((line) => /^(?:fetch|perform)/u.test(line));
    expect(acts).toEqual(['fetch one', 'fetch two', 'perform one', 'perform two']);
  });
});

test('a part that packages stand in for is installed only when it is asked for', async () => {
  const step: SetupStep = {
    ...{ name: 'drum', purpose: 'music' },
    check: () => Promise.resolve(system),
    perform: () => Promise.resolve(),
  };
  const wrapped = orPackages(step, 'a box');
  const context = { engine: 'cpu', say: () => undefined } as const;
  expect(await wrapped.check(context)).toMatchObject({
    inPlace: true,
    detail: 'a box instead',
  });
  expect(await wrapped.check({ ...context, systemPackages: true })).toBe(system);
});

test("a compiler's arguments are parted for Zig's two steps", () => {
  const args = [
    ...['-O3', '-shared', '-I', '/include', 'a.cc', '-mavx2', '-L', '/lib', '-ltensorflow', '-ldl'],
    ...['/lib/librdkafka.so.1', '-Wl,-rpath,$ORIGIN/lib', '-o', 'a.node'],
  ];
  expect(sortArguments(args)).toEqual({
    sources: ['a.cc'],
    compile: ['-O3', '-I', '/include', '-mavx2'],
    link: ['-L', '/lib', '-ltensorflow', '/lib/librdkafka.so.1', '-rpath', '$ORIGIN/lib'],
    output: 'a.node',
  });
});
