/** What a window of answers says: figures against NumPy, alarms against their limits. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addAnswerWindow, listAnswerWindows } from '../../../../pipelines/models/answer-windows.ts';
import { registerVersion } from '../../../../pipelines/models/registry.ts';
import { writeModelsReport } from '../../../../pipelines/models/report/write-report.ts';
import { watchAnswers, type Watched } from '../../../../pipelines/prediction/stream/answer-watch.ts';
import type { Store } from '../../../../pipelines/store/store.ts';
import { openStore } from '../../../../pipelines/store/open-store.ts';
import { watchConfigSchema } from '../../../../schemas/config/watch-config.ts';
import { newVersion } from '../../models/made-up-history.ts';

const MODEL = { name: 'emotions', version: 2, sha256: '0'.repeat(64) };
const LIMITS = watchConfigSchema.parse({ minLabelled: 5, calibrationShare: 0.1 });

/** Of class b, 0.05 to 0.95; every second one came with a label, and one of these is answered wrongly. */
const answers: Watched[] = Array.from({ length: 10 }, (_, at) => {
  const b = 0.05 + at / 10;
  return {
    fused: { a: 1 - b, b },
    scores: { entropy: at / 10, distance: 0.2 + at / 100 },
    ...(at % 2 === 0 ? { label: at === 4 || at > 5 ? 'b' : 'a' } : {}),
    model: MODEL,
    answeredAt: new Date(1_800_000_000_000 + at).toISOString(),
  };
});

describe('a window of answers', () => {
  const window = watchAnswers(answers, { classCounts: { a: 90, b: 10 }, distance: 0.1 }, LIMITS);

  it('has the figures that NumPy computes', () => {
    expect(window).toMatchObject({ answers: 10, model: 'emotions', version: 2 });
    expect(window.confidence).toBeCloseTo(0.75, 12);
    expect(window.entropy).toBeCloseTo(0.45, 12);
    expect(window.classShares).toEqual({ a: 0.5, b: 0.5 });
    expect(window.trainingShares).toEqual({ a: 0.9, b: 0.1 });
    expect(window.classDistance).toBeCloseTo(0.4, 12);
    expect(window.distanceFactor).toBeCloseTo(2.45, 12);
    expect(window.labelled.answers).toBe(5);
    expect(window.labelled.accuracy).toBeCloseTo(0.8, 12);
    expect(window.labelled.calibrationError).toBeCloseTo(0.27, 12);
  });

  it('raises an alarm for each figure above its limit, and for none below', () => {
    expect(window.alarms.map(({ kind }) => kind)).toEqual(['classes', 'calibration', 'distance']);
    const near = { classCounts: { a: 50, b: 50 }, distance: 0.24 };
    expect(watchAnswers(answers, near, { ...LIMITS, minLabelled: 6 }).alarms).toEqual([]);
  });

  it('says nothing of what was not measured', () => {
    const bare = answers.map(({ label: _, scores: { entropy }, ...answer }) => ({
      ...answer,
      scores: { entropy },
    }));
    const told = watchAnswers(bare, { classCounts: { a: 1, b: 1 } }, LIMITS);
    expect(told.labelled).toEqual({ answers: 0 });
    expect(told).not.toHaveProperty('distanceFactor');
  });
});

describe('windows in the store', () => {
  let folder: string;
  let store: Store;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'modalmix-watch-'));
    store = openStore(`file:${folder}`);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('are numbered without gaps by workers that tell at once, and stand on the page with their alarms', async () => {
    const window = watchAnswers(answers, { classCounts: { a: 90, b: 10 }, distance: 0.1 }, LIMITS);
    await registerVersion(store, newVersion('emotions', 'training-1'), new Date());
    await Promise.all(Array.from({ length: 8 }, async () => await addAnswerWindow(store, window)));
    const listed = await listAnswerWindows(store, 'emotions');
    expect(listed.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const page = (await store.get(await writeModelsReport({ store, model: 'emotions' }))).toString();
    expect(page).toContain('Alarm: clips lie far from the training clips: 2.450, above 1.5');
  });
});
