/** What the page asks about models; promote and roll back, by the registry's own functions. */
import type { Hono } from 'hono';
import { z } from 'zod';
import { newestAnswerWindows } from '../../../pipelines/models/answer-windows.ts';
import { readHistory, type ModelHistory } from '../../../pipelines/models/history.ts';
import { listModels, moveCurrent, rollback } from '../../../pipelines/models/registry.ts';
import { verdictOf } from '../../../pipelines/models/verdict.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { modalitiesOf } from '../../../schemas/modality.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { Drift, ModelComparison, ModelVersion } from '../../../schemas/retrain.ts';
import type { ModelFacts, ModelVersionLine } from '../../wire.ts';
import type { UiContext } from '../context.ts';
import { problemOf } from '../problems.ts';
import { nameOf } from '../stores.ts';
import { answersLine, windowLine } from './lines.ts';

const moveSchema = z.strictObject({
  version: z.int().positive().optional(),
  reason: z.string().trim().max(500).default(''),
});
const REASON = 'by hand, on the page';
const MOST_ANSWER_WINDOWS = 50;
const NOTHING = { versions: [], moves: [], windows: [], answers: [], answerWindows: 0 } as const;

export function modelRoutes(app: Hono, { stores }: UiContext): void {
  app.get('/api/stores/:store/models', async (c) => {
    const id = c.req.param('store');
    const store = stores.get(id);
    const models = await listModels(store);
    const facts = models.map(async (model) => {
      try {
        return await readModel(store, id, model);
      } catch (error) {
        // The others are shown all the same.
        return { model, problem: problemOf(error), ...NOTHING };
      }
    });
    return c.json(await Promise.all(facts));
  });

  app.post('/api/stores/:store/models/:model/:move', async (c) => {
    const store = stores.get(c.req.param('store'));
    const model = nameOf(c.req.param('model'));
    const body = moveSchema.safeParse(await c.req.json<unknown>().catch(() => undefined));
    const move = z.enum(['promote', 'rollback']).safeParse(c.req.param('move'));
    if (!body.success || !move.success)
      throw new ModalmixError('config', 'it does not say what to make current');
    const { version } = body.data;
    const reason = body.data.reason === '' ? REASON : body.data.reason;
    const now = new Date();
    // A model that is none has no folder made for it.
    await readHistory(store, model);
    if (move.data === 'rollback') await rollback(store, { model, reason, now });
    else if (version === undefined) throw new ModalmixError('config', 'no version is named');
    else await moveCurrent(store, { model, to: version, by: 'promote', reason, now });
    await renewReport(store, model);
    return c.json(await readModel(store, c.req.param('store'), model));
  });
}

async function readModel(store: Store, id: string, model: string): Promise<ModelFacts> {
  const history = await readHistory(store, model);
  const answers = await newestAnswerWindows(store, model, MOST_ANSWER_WINDOWS);
  const report = await reportOf(store, id, model);
  return {
    ...historyFacts(history),
    answers: answers.records.map(answersLine).reverse(),
    answerWindows: answers.all,
    ...(report === undefined ? {} : { report }),
  };
}

/** As the command does: where there is a page of the model's history, it shows the move. */
async function renewReport(store: Store, model: string): Promise<void> {
  if (!(await store.exists(storePaths.modelReport(model)))) return;
  const { writeModelsReport } = await import('../../../pipelines/models/report/write-report.ts');
  await writeModelsReport({ store, model });
}

async function reportOf(store: Store, id: string, model: string): Promise<string | undefined> {
  if (!(await store.exists(storePaths.modelReport(model)))) return undefined;
  return `/api/stores/${id}/reports/model/${encodeURIComponent(model)}`;
}

function historyFacts(history: ModelHistory): Omit<ModelFacts, 'answers' | 'answerWindows' | 'report'> {
  const { model, current, versions, moves, windows, outcomes } = history;
  return {
    model,
    ...(current === undefined ? {} : { current }),
    versions: versions.map((version) => versionLine(history, version)).reverse(),
    moves: moves
      .map(({ number, at, from, to, by, reason }) => ({
        number,
        at,
        ...(from === undefined ? {} : { from }),
        to,
        by,
        reason,
      }))
      .reverse(),
    windows: windows.map((window) => windowLine(window, outcomes.get(window.number)?.note)).reverse(),
  };
}

function versionLine({ current, windows }: ModelHistory, version: ModelVersion): ModelVersionLine {
  const { comparison, drift, decision, window } = version;
  const newClips = windows.find(({ number }) => number === window)?.newClips;
  return {
    ...{
      version: version.version,
      trainingId: version.trainingId,
      method: version.method,
      createdAt: version.createdAt,
    },
    ...(window === undefined ? {} : { window }),
    ...(newClips === undefined ? {} : { newClips }),
    isCurrent: version.version === current,
    ...(comparison === undefined ? {} : { heldOut: accuracies(comparison.heldOut) }),
    ...(comparison?.newData === undefined ? {} : { newData: accuracies(comparison.newData) }),
    verdict: verdictOf(version),
    reasons: decision?.reasons ?? [],
    ...(drift === undefined ? {} : { drift: driftFacts(drift) }),
  };
}

function accuracies({ candidate, current }: ModelComparison['heldOut']) {
  return { candidate: candidate.accuracy, ...(current === undefined ? {} : { current: current.accuracy }) };
}

function driftFacts({
  classDistance,
  inputs,
  featureShift,
  rho,
}: Drift): NonNullable<ModelVersionLine['drift']> {
  const modalities = modalitiesOf([inputs, featureShift, rho.old]).map((modality) => {
    const values = {
      input: inputs[modality]?.shift,
      feature: featureShift[modality],
      rhoOld: rho.old[modality],
      rhoNew: rho.new[modality],
    };
    const known = Object.entries(values).filter(([, value]) => value !== undefined) as [string, number][];
    return { modality, ...Object.fromEntries(known) };
  });
  return { classDistance, modalities };
}
