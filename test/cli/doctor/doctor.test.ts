import { execa } from 'execa';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { PROJECT_FOLDER } from '../../../infra/folders.ts';
import { freePorts } from '../../../infra/ports.ts';
import { unsignedWarning } from '../../../infra/temporal/protection.ts';
import { startTestServer } from '../../support/temporal.ts';

const diagnosisSchema = z.object({
  ready: z.boolean(),
  engine: z.enum(['cpu', 'gpu', 'none']),
  device: z.string(),
  parts: z.array(
    z.object({
      name: z.string(),
      state: z.enum(['ok', 'missing', 'optional']),
      says: z.string(),
      origin: z.string().optional(),
      fix: z.string().optional(),
    }),
  ),
});

const PARTS = [
  'Node',
  'npm packages',
  'TensorFlow',
  'GPU',
  'WebGPU',
  'training kernels',
  'ffmpeg',
  'extraction engine',
  'decoders',
  'fonts',
  'espeak-ng',
  'Temporal CLI',
  'Temporal server',
  'Kafka client',
  'Kafka',
  'Kafka broker',
  'OpenSSL',
  'Python for tests',
  'Chromium',
  'disk',
  'machine',
  'work at a time',
];

describe('modalmix doctor', () => {
  test('tells of every part, with the version of TensorFlow that was really loaded', async () => {
    const { exitCode, diagnosis } = await runDoctor({});
    expect(diagnosis.parts.map(({ name }) => name)).toEqual(PARTS);
    const tensorflow = diagnosis.parts.find(({ name }) => name === 'TensorFlow');
    expect(tensorflow?.says).toMatch(/^2\.21\.0 on (CPU|GPU): /);
    expect(diagnosis).toMatchObject({ ready: true });
    expect(diagnosis.device).not.toBe('');
    expect(exitCode).toBe(0);
  });

  test('says what mends it when ffmpeg is hidden: not needed for a run, unless it is to extract', async () => {
    const { exitCode, diagnosis } = await runDoctor({
      ...{ PATH: '', FFMPEG_PATH: '', FFPROBE_PATH: '', MODALMIX_EXTRACTOR: 'ffmpeg' },
    });
    const ffmpeg = diagnosis.parts.find(({ name }) => name === 'ffmpeg');
    expect(ffmpeg).toMatchObject({ state: 'optional', says: 'ffmpeg is not installed' });
    expect(ffmpeg?.fix).toContain('apt-get install ffmpeg');
    expect(diagnosis.ready).toBe(false);
    expect(exitCode).toBe(1);
  });

  test('asks the servers that the environment names, and says which does not answer', async () => {
    const [closed = 0] = await freePorts(1);
    const nobody = `127.0.0.1:${String(closed)}`;
    const { exitCode, diagnosis } = await runDoctor({ TEMPORAL_ADDRESS: nobody, KAFKA_BROKERS: nobody });
    const partOf = (wanted: string) => diagnosis.parts.find(({ name }) => name === wanted);
    expect(partOf('Temporal server')).toMatchObject({ state: 'missing', origin: 'TEMPORAL_ADDRESS' });
    expect(partOf('Temporal server')?.says).toMatch(new RegExp(`^${nobody} does not answer: .`));
    expect(partOf('Temporal server')?.fix).toContain('unset TEMPORAL_ADDRESS');
    expect(partOf('Kafka broker')).toMatchObject({ state: 'optional', says: `${nobody} does not answer` });
    expect([diagnosis.ready, exitCode]).toEqual([false, 1]);
  });

  test('tells a namespace that is not there from a server that is not', async () => {
    const server = await startTestServer();
    try {
      const found = await runDoctor({ TEMPORAL_ADDRESS: server.address });
      const absent = await runDoctor({ TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: 'elsewhere' });
      const says = [found, absent].map(
        ({ diagnosis }) => diagnosis.parts.find(({ name }) => name === 'Temporal server')?.says,
      );
      expect(says[0]).toBe(
        `${server.address} answers, namespace default; ${unsignedWarning(server.address)}`,
      );
      expect(says[1]).toContain(`${server.address} answers, but not for namespace elsewhere: `);
      expect([found.exitCode, absent.exitCode]).toEqual([0, 1]);
    } finally {
      await server.stop();
    }
  });
});

async function runDoctor(env: Record<string, string>) {
  const command = join(PROJECT_FOLDER, 'cli', 'modalmix.mjs');
  const { stdout, exitCode } = await execa(process.execPath, [command, 'doctor', '--json'], {
    env,
    reject: false,
  });
  return { exitCode, diagnosis: diagnosisSchema.parse(JSON.parse(stdout)) };
}
