/** Which engine a person, a dataset and a worker get. */
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createExtractor, extractorSource } from '../../../pipelines/extraction/create-extractor.ts';
import { ENVIRONMENT } from '../../../schemas/names.ts';

const refuse = (text: string) => {
  throw new Error(`nothing is to be warned of: ${text}`);
};
const machine = process.arch;

afterEach(() => {
  vi.unstubAllEnvs();
  Object.defineProperty(process, 'arch', { value: machine });
});

/** No package brings FFmpeg's library for it. */
function onAnotherMachine(): void {
  Object.defineProperty(process, 'arch', { value: 'sparc' });
}

/** Kills children of this process that decode, each once, as soon as they are seen. */
function killStarting(mayKill: () => boolean): AbortController {
  const stop = new AbortController();
  const seen = new Set(decoders());
  void (async () => {
    while (!stop.signal.aborted) {
      for (const pid of decoders()) {
        if (seen.has(pid)) continue;
        seen.add(pid);
        if (mayKill()) process.kill(pid, 'SIGKILL');
      }
      await sleep(2);
    }
  })();
  return stop;
}

function decoders(): number[] {
  const own = String(process.pid);
  const threads = readdirSync(`/proc/${own}/task`);
  const pids = threads.flatMap((thread) =>
    readFileSync(`/proc/${own}/task/${thread}/children`, 'utf8')
      .split(' ')
      .filter((pid) => pid !== ''),
  );
  return pids.filter((pid) => commandOf(pid).includes('node-av')).map(Number);
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    // It has ended meanwhile.
    return '';
  }
}

describe('the engine', () => {
  test('is node-av where nothing is named, and what a dataset was extracted with where that is known', async () => {
    const engines = extractorSource(refuse);
    const usual = await engines();
    expect(usual.version).toMatch(/^node-av-extractor-/u);
    expect(await engines('node-av-extractor-0/of another time')).toBe(usual);
    expect((await engines('ffmpeg-extractor-1/of another time')).version).toMatch(/^ffmpeg-extractor-/u);
    expect(await engines()).toBe(usual);
  });

  test('is the one that the environment names, whatever the dataset has', async () => {
    vi.stubEnv(ENVIRONMENT.extractor, 'ffmpeg');
    expect((await createExtractor(refuse, 'node-av-extractor-1/x')).version).toMatch(/^ffmpeg-extractor-/u);
    vi.stubEnv(ENVIRONMENT.extractor, 'gstreamer');
    await expect(createExtractor(refuse)).rejects.toMatchObject({
      kind: 'config',
      fix: 'Set it to one of auto, node-av, ffmpeg.',
    });
  });

  test('is the ffmpeg program, with a warning, where node-av cannot be loaded', async () => {
    onAnotherMachine();
    const warnings: string[] = [];
    const { version } = await createExtractor((text) => warnings.push(text));
    expect(version).toMatch(/^ffmpeg-extractor-/u);
    expect(warnings).toEqual([
      expect.stringMatching(/no FFmpeg library for linux sparc.*several times slower/u),
    ]);
  });

  test.runIf(process.platform === 'linux')(
    'stays node-av when its process is killed as it starts; killed each time, nobody else takes its place',
    async () => {
      let left = 2;
      const killing = killStarting(() => (left -= 1) >= 0);
      const { version } = await createExtractor(refuse);
      expect(version).toMatch(/^node-av-extractor-/u);
      expect(left).toBeLessThanOrEqual(0);
      killing.abort();
      const always = killStarting(() => true);
      await expect(createExtractor(refuse)).rejects.toMatchObject({
        kind: 'transient',
        message: expect.stringContaining('ended by SIGKILL') as string,
      });
      always.abort();
    },
  );

  test('is never another than the one that is insisted on', async () => {
    onAnotherMachine();
    vi.stubEnv(ENVIRONMENT.extractor, 'node-av');
    await expect(createExtractor(refuse)).rejects.toMatchObject({ kind: 'dependency' });
  });
});
