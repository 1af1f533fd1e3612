/** The short version of `npm run chaos -- --answers=1000`; what it leaves on the topics is then read and labelled. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { testPythonFolder } from '../../infra/setup/steps/test-python.ts';
import { listAnswerWindows } from '../../pipelines/models/answer-windows.ts';
import { MODEL, runAnswers } from './answers.ts';

const READ_PREDICTIONS = fileURLToPath(new URL('../../examples/python/read_predictions.py', import.meta.url));

interface PythonLine {
  readonly clip: string;
  readonly version: number;
  readonly predicted: string;
  readonly probability: number;
}

test(
  'among kills, promotions and a rollback every clip is answered once, by a version that was current, with the numbers of predict',
  { timeout: 1_800_000 },
  async () => {
    const figures = await runAnswers({
      ...{ seed: 20, clips: 40, kills: 6, rate: 4, say: console.log },
      look: async ({ brokers, topic, answers, project, stream }) => {
        // A program in another language reads the same.
        const python = join(testPythonFolder(), 'bin', 'python');
        const settings = join(project.folder, 'home', 'kafka', 'client.properties');
        const { stdout } = await execa(python, [READ_PREDICTIONS, brokers.join(','), topic, settings]);
        const lines = stdout.split('\n').map((line) => JSON.parse(line) as PythonLine);
        const sorted = (of: readonly PythonLine[]) => [...of].sort((a, b) => (a.clip < b.clip ? -1 : 1));
        expect(sorted(lines)).toMatchObject(
          sorted(
            answers.map(({ clipId, model, fused }) => {
              const [predicted, probability] = Object.entries(fused).reduce((best, one) =>
                one[1] > best[1] ? one : best,
              );
              return { clip: clipId, version: model.version, predicted, probability };
            }),
          ),
        );

        // Nothing is behind, and that is told of each step apart; the end of a transaction has an offset of its own.
        const { stdout: table } = await project.modalmix('stream', 'status', '--config', stream.configFile);
        for (const step of ['ingest', 'sink', 'predict']) {
          const behind = [...table.matchAll(new RegExp(`^${step} .* (\\d+)$`, 'gmu'))].map(([, lag]) => lag);
          expect(behind.length).toBeGreaterThan(0);
          for (const lag of behind) expect(Number(lag)).toBeLessThanOrEqual(1);
        }

        // What was answered is watched.
        const windows = await listAnswerWindows(stream.store, MODEL);
        expect(windows.length).toBeGreaterThan(0);
        for (const window of windows) {
          expect(window).toMatchObject({ answers: 5, trainingShares: { high: 0.5, low: 0.5 } });
        }

        // A person is asked, answers, and the clip is one to learn from.
        const list = async () =>
          await project.modalmix('stream', 'review', 'list', '--config', stream.configFile);
        const asked = answers.filter(({ review }) => review).map(({ clipId }) => clipId);
        const before = await list();
        for (const clipId of asked) expect(before.stdout).toContain(clipId);
        const [clip = ''] = asked;
        const rows = async () => (await stream.liveRows()).filter(({ clipId }) => clipId === clip);
        expect(await rows()).toEqual([]);
        const words = ['stream', 'review', 'label', clip, 'low', '--config', stream.configFile];
        const labelled = await project.modalmix(...words);
        expect(labelled).toMatchObject({ exitCode: 0, stderr: '' });
        await expect
          .poll(async () => (await rows()).map(({ label }) => label), { timeout: 120_000 })
          .toEqual([1]);
        expect((await list()).stdout).not.toContain(clip);
        expect((await project.modalmix(...words)).stderr).toContain('no open question is about a clip');
      },
    });
    expect(figures.clips).toBe(40);
    expect(Object.keys(figures.answered)).toEqual(['1', '2', '3']);
    expect(figures.struck['predict']).toBe(1);
    expect(figures.reviewed).toBeGreaterThan(0);
  },
);
