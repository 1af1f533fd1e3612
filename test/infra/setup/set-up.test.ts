import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RUN_STEPS, STREAM_STEPS, TEST_STEPS, main } from '../../../infra/setup/main.ts';
import { chooseEngine } from '../../../infra/setup/choose-engine.ts';
import { runSteps } from '../../../infra/setup/run-steps.ts';
import type { SetupContext, SetupStep } from '../../../infra/setup/step.ts';
import { espeakStep } from '../../../infra/setup/steps/espeak.ts';
import { builtEngine } from '../../../infra/setup/steps/tensorflow.ts';
import { verifySha256 } from '../../../infra/setup/wheels/fetch-wheel.ts';

const SHA256_OF_HELLO = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';

describe('set-up', () => {
  let folder: string;
  let lines: string[];
  let context: SetupContext;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'modalmix-setup-'));
    lines = [];
    context = { engine: 'auto', say: (line) => void lines.push(line) };
  });

  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });

  test('called a second time does nothing, and says of each part what it is', async () => {
    const steps = [...RUN_STEPS, ...STREAM_STEPS, ...TEST_STEPS];
    const outcomes = await runSteps(steps, context);
    expect(outcomes).toEqual(steps.map(({ name }) => ({ name, performed: false })));
    expect(lines).toHaveLength(steps.length);
    for (const [place, { name }] of steps.entries()) {
      expect(lines[place]).toMatch(new RegExp(`^ok +${name.replaceAll('+', '\\+')} .*\\[[\\d.]+ m?s\\]$`));
    }
  });

  test('called twice at the same time does its work once', async () => {
    vi.stubEnv('MODALMIX_CACHE', folder);
    const made = join(folder, 'made');
    let times = 0;
    const step: SetupStep = {
      name: 'a file',
      purpose: 'this test',
      check: async () =>
        existsSync(made)
          ? { inPlace: true, version: '1', origin: made }
          : { inPlace: false, problem: 'it is not made', fix: 'npm run setup' },
      perform: async () => {
        times += 1;
        writeFileSync(made, '');
      },
    };

    const outcomes = await Promise.all([runSteps([step], context), runSteps([step], context)]);

    expect(times).toBe(1);
    expect(outcomes.flat().filter(({ performed }) => performed)).toHaveLength(1);
  });

  test('goes on without espeak-ng where nobody may install it, and says what speaks', async () => {
    vi.stubEnv('PATH', folder);
    await runSteps([espeakStep], context);
    expect(lines).toEqual([
      expect.stringMatching(/^ok +espeak-ng +not there \(espeak-ng as WebAssembly instead/u),
    ]);
  });

  test('refuses and removes a file with the wrong hash, naming both hashes', async () => {
    const file = join(folder, 'some.whl');
    writeFileSync(file, 'hello');
    await verifySha256(file, SHA256_OF_HELLO);
    expect(existsSync(file)).toBe(true);

    const expected = '0'.repeat(64);
    await expect(verifySha256(file, expected)).rejects.toThrow(
      `its SHA-256 is ${SHA256_OF_HELLO}, expected ${expected}`,
    );
    expect(existsSync(file)).toBe(false);
  });

  test('takes the GPU where there is one, and stops when one is asked for that is not there', () => {
    const none = { gpus: 0, elsewhere: false };
    const two = { gpus: 2, elsewhere: false };
    expect([chooseEngine('auto', none), chooseEngine('auto', two)]).toEqual(['cpu', 'gpu']);
    expect([chooseEngine('cpu', two), chooseEngine('gpu', two)]).toEqual(['cpu', 'gpu']);
    expect(() => chooseEngine('gpu', none)).toThrow(
      'a GPU is asked for, but this machine shows no NVIDIA GPU',
    );
    expect(chooseEngine('gpu', { gpus: 0, elsewhere: true })).toBe('gpu');
    expect(chooseEngine('webgpu', two)).toBe('cpu');
  });

  test('built TensorFlow for the CPU or the GPU', () => {
    expect(['cpu', 'gpu']).toContain(builtEngine()?.engine);
  });

  test('of an unknown engine ends with exit code 2', async () => {
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(await main(['--engine=tpu'])).toBe(2);
    expect(stderr.mock.calls.flat().join('')).toContain('"tpu" is none of auto, cpu, gpu, webgpu');
    stderr.mockRestore();
  });
});
