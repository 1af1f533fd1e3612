import { execa } from 'execa';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { PROJECT_FOLDER } from '../../infra/folders.ts';

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
  'fonts',
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

  test('ends with exit code 1 when ffmpeg is hidden, and says what mends it', async () => {
    const { exitCode, diagnosis } = await runDoctor({ PATH: '', FFMPEG_PATH: '', FFPROBE_PATH: '' });
    const ffmpeg = diagnosis.parts.find(({ name }) => name === 'ffmpeg');
    expect(ffmpeg).toMatchObject({ state: 'missing', says: 'ffmpeg is not installed' });
    expect(ffmpeg?.fix).toContain('apt-get install ffmpeg');
    expect(diagnosis.ready).toBe(false);
    expect(exitCode).toBe(1);
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
