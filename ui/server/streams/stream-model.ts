/** The model that a stream trains or asks: its newest windows, read anew every few seconds at most. */
import { newestAnswerWindows } from '../../../pipelines/models/answer-windows.ts';
import { newestMove } from '../../../pipelines/models/registry.ts';
import { findOutcome, listWindows } from '../../../pipelines/models/windows.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import type { RunConfig } from '../../../schemas/config/config.ts';
import type { StreamModel } from '../../wire.ts';
import { Kept } from '../kept.ts';
import { answersLine, windowLine } from '../models/lines.ts';

const FRESH_MS = 5_000;
const MOST_ANSWER_WINDOWS = 20;

const models = new Kept<StreamModel | undefined>(20, FRESH_MS);

/** Undefined while nothing is known of it. @throws ModalmixError where a record of it cannot be read */
export async function streamModel(
  store: Store,
  storeId: string,
  config: RunConfig,
): Promise<StreamModel | undefined> {
  const model = config.stream?.predict?.model ?? config.stream?.retrain.model ?? config.name;
  return await models.get(`${store.uri}\n${model}`, async () => await readModel(store, storeId, model));
}

async function readModel(store: Store, storeId: string, model: string): Promise<StreamModel | undefined> {
  const [move, windows, told] = await Promise.all([
    newestMove(store, model),
    listWindows(store, model),
    newestAnswerWindows(store, model, MOST_ANSWER_WINDOWS),
  ]);
  const newest = windows.at(-1);
  const newestTold = told.records.at(-1);
  if (move === undefined && newest === undefined && newestTold === undefined) return undefined;
  const answers = new Map<number, number>();
  for (const one of told.records) answers.set(one.version, (answers.get(one.version) ?? 0) + one.answers);
  const outcome = newest === undefined ? undefined : await findOutcome(store, model, newest.number);
  return {
    ...{ store: storeId, model, windows: windows.length },
    ...(move === undefined ? {} : { current: move.to }),
    ...(newest === undefined ? {} : { newest: windowLine(newest, outcome?.note) }),
    answers: [...answers].map(([version, count]) => ({ version, answers: count })),
    ...(newestTold === undefined ? {} : { told: answersLine(newestTold) }),
  };
}
