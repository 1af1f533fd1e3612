import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ffmpegPath, ffprobePath } from '../../../pipelines/process/ffmpeg-path.ts';
import { ENVIRONMENT } from '../../../schemas/names.ts';

/** A folder with a program of that name. */
async function folderWith(program: string, mode = 0o755): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'modalmix-path-'));
  onTestFinished(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  await writeFile(join(folder, program), '#!/bin/sh\n');
  await chmod(join(folder, program), mode);
  return folder;
}

describe('the path of ffmpeg', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('is the one the environment names, before any on PATH', async () => {
    const named = join(await folderWith('my-ffmpeg'), 'my-ffmpeg');
    vi.stubEnv(ENVIRONMENT.ffmpeg, named);
    expect(ffmpegPath()).toBe(named);
  });

  it('is the first on PATH that can be run', async () => {
    const folders = [
      await folderWith('ffprobe', 0o644),
      await folderWith('ffprobe'),
      await folderWith('ffprobe'),
    ];
    vi.stubEnv(ENVIRONMENT.ffprobe, '');
    vi.stubEnv('PATH', ['', ...folders].join(delimiter));
    expect(ffprobePath()).toBe(join(folders[1] ?? '', 'ffprobe'));
  });

  it('is asked for in a message that says how to get it', async () => {
    vi.stubEnv(ENVIRONMENT.ffmpeg, '');
    vi.stubEnv('PATH', await folderWith('other'));
    expect(() => ffmpegPath()).toThrow(
      expect.objectContaining({
        kind: 'dependency',
        message: 'ffmpeg is not installed',
        where: 'PATH',
      }) as Error,
    );
    vi.stubEnv(ENVIRONMENT.ffmpeg, '/nowhere/ffmpeg');
    expect(() => ffmpegPath()).toThrow(
      expect.objectContaining({ kind: 'dependency', where: 'environment variable FFMPEG_PATH' }) as Error,
    );
  });
});
