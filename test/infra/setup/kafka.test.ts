import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { requireJava } from '../../../infra/kafka/jars.ts';
import type { SetupContext } from '../../../infra/setup/step.ts';
import { kafkaStep } from '../../../infra/setup/steps/kafka.ts';

const CONTEXT: SetupContext = { engine: 'auto', say: () => undefined };
let folder: string;
let java: string;

/** A machine whose programs are those of an empty folder, so that nothing can be installed either. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modalmix-kafka-step-'));
  java = requireJava();
  vi.stubEnv('PATH', folder);
  vi.stubEnv('JAVA_HOME', '');
  vi.stubEnv('MODALMIX_CACHE', join(folder, 'cache'));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

test('without Java and without an index that has it, set-up says which package to install', async () => {
  vi.stubEnv('PIP_INDEX_URL', 'http://127.0.0.1:9/simple/');
  vi.stubEnv('PIP_RETRIES', '0');
  expect(await kafkaStep.check(CONTEXT)).toMatchObject({ inPlace: false, problem: 'Java is missing' });
  await expect(kafkaStep.perform(CONTEXT)).rejects.toMatchObject({
    kind: 'dependency',
    fix: expect.stringContaining('apt-get install default-jre-headless') as string,
  });
});

test('with Java but without Maven, set-up says that Maven is what is missing', async () => {
  symlinkSync(java, join(folder, 'java'));
  await expect(kafkaStep.perform(CONTEXT)).rejects.toMatchObject({
    kind: 'dependency',
    fix: expect.stringContaining('apt-get install maven') as string,
  });
});

test('with brokers that the environment names, neither is needed', async () => {
  vi.stubEnv('KAFKA_BROKERS', 'kafka.example:9092');
  expect(await kafkaStep.check(CONTEXT)).toMatchObject({ inPlace: true, version: 'not needed' });
});
