/** What `modalmix models …` does. */
import { loadConfig } from '../../pipelines/config/load-config.ts';
import { readHistory } from '../../pipelines/models/history.ts';
import {
  findVersion,
  listModels,
  listMoves,
  moveCurrent,
  readCurrent,
  rollback,
} from '../../pipelines/models/registry.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { runConfigSchema } from '../../schemas/config/config.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import type { ModelMove } from '../../schemas/retrain.ts';
import { fileToOpen } from '../../runs/file-to-open.ts';
import { movesText, versionsText, versionText } from '../text/model-text.ts';
import type { Screen } from '../../runs/screen.ts';

export interface ModelsFlags {
  readonly store?: string;
  readonly config?: string;
  readonly reason?: string;
}

const REASON = 'by hand';

/** @throws ModalmixError `config` when the model is named and is not there */
export async function list(model: string | undefined, flags: ModelsFlags, screen: Screen): Promise<void> {
  const store = await storeOf(flags);
  const models = model === undefined ? await listModels(store) : [model];
  const histories = await Promise.all(models.map(async (name) => await readHistory(store, name)));
  if (histories.length === 0) screen.say(`No model is registered in ${store.uri}.`);
  for (const [i, history] of histories.entries()) {
    screen.say(`${i === 0 ? '' : '\n'}${versionsText(history)}`);
    const { current, versions } = history;
    screen.event('model', { model: history.model, current, versions });
  }
}

/** @param version absent: the current one */
export async function show(
  model: string,
  version: string | undefined,
  flags: ModelsFlags,
  screen: Screen,
): Promise<void> {
  const store = await storeOf(flags);
  const history = await readHistory(store, model);
  const asked = version === undefined ? history.current : numberOf(version);
  if (asked === undefined) {
    throw new ModalmixError('config', `no version of "${model}" is current`, {
      fix: `Name one: "modalmix models show ${model} <version>".`,
    });
  }
  const found = await findVersion(store, model, asked);
  const moves = history.moves.filter(({ from, to }) => from === asked || to === asked);
  screen.say(versionText(history, found, store.uri));
  screen.say(`\n${movesText(moves)}`);
  screen.event('version', { ...found, current: history.current === asked, moves });
}

export async function promote(
  model: string,
  version: string,
  flags: ModelsFlags,
  screen: Screen,
): Promise<void> {
  const store = await storeOf(flags);
  const to = numberOf(version);
  const before = (await readCurrent(store, model))?.move.to;
  const reason = flags.reason ?? REASON;
  const move = await moveCurrent(store, { model, to, by: 'promote', reason, now: new Date() });
  if (before === to) screen.say(`Version ${String(to)} of ${model} is current already.`);
  tellMove(move, before !== to, screen);
  if (before !== to) await renewReport(store, model, screen);
}

export async function undo(model: string, flags: ModelsFlags, screen: Screen): Promise<void> {
  const store = await storeOf(flags);
  if ((await listMoves(store, model)).length === 0) await readHistory(store, model);
  tellMove(await rollback(store, { model, reason: flags.reason ?? REASON, now: new Date() }), true, screen);
  await renewReport(store, model, screen);
}

export async function report(model: string, flags: ModelsFlags, screen: Screen): Promise<void> {
  await writeReport(await storeOf(flags), model, screen);
}

async function writeReport(store: Store, model: string, screen: Screen): Promise<void> {
  const { writeModelsReport } = await import('../../pipelines/models/report/write-report.ts');
  const { file, text } = await fileToOpen(store, await writeModelsReport({ store, model }));
  screen.say(`Report: ${text}`);
  screen.event('report', { model, report: file });
}

/** The page of the model's history, where there is one, shows the move too. The move itself is done. */
async function renewReport(store: Store, model: string, screen: Screen): Promise<void> {
  if (await store.exists(storePaths.modelReport(model))) await writeReport(store, model, screen);
}

function tellMove(move: ModelMove, moved: boolean, screen: Screen): void {
  if (moved) {
    const before = move.from === undefined ? '' : `, before it ${String(move.from)}`;
    screen.say(`Version ${String(move.to)} of ${move.model} is current${before}.`);
  }
  screen.event(moved ? 'moved' : 'unmoved', { move });
}

async function storeOf({ store, config }: ModelsFlags): Promise<Store> {
  if (store !== undefined) return openStore(store);
  if (config !== undefined) return openStore((await loadConfig(config)).store);
  return openStore(runConfigSchema.shape.store.parse(undefined));
}

function numberOf(version: string): number {
  if (/^[1-9]\d*$/u.test(version)) return Number(version);
  throw new ModalmixError('config', `"${version}" is no version: versions are numbers from 1`, {
    fix: 'Use "modalmix models list" to see them.',
  });
}
