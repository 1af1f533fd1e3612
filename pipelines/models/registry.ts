/**
 * The model registry: which versions of a model there are, and which one is `current`. Versions and moves are
 * numbered records that are created once. The log of moves is the truth; `current.json` only repeats its newest
 * entry for other programs, and is mended whenever it lags behind.
 */
import {
  modelMoveSchema,
  modelVersionSchema,
  type CurrentModel,
  type ModelMove,
  type ModelVersion,
} from '../../schemas/retrain.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import type { Store } from '../store/store.ts';
import { getStored } from '../store/stored-json.ts';
import { createRecord, listRecords, newestNumber, recordText } from './records.ts';

export type NewModelVersion = Omit<ModelVersion, 'formatVersion' | 'version' | 'createdAt'>;

/**
 * Gives the version the next free number. A training is registered once: a repeat returns the version that is
 * there, unchanged.
 */
export async function registerVersion(
  store: Store,
  version: NewModelVersion,
  now: Date,
): Promise<ModelVersion> {
  for (;;) {
    const versions = await listVersions(store, version.model);
    const present = versions.find(({ trainingId }) => trainingId === version.trainingId);
    if (present !== undefined) return present;
    const registered = modelVersionSchema.parse({
      ...version,
      formatVersion: 1,
      version: (versions.at(-1)?.version ?? 0) + 1,
      createdAt: now.toISOString(),
    });
    const path = storePaths.modelVersion(version.model, registered.version);
    if (await createRecord(store, path, registered)) return registered;
  }
}

export interface MoveRequest {
  readonly model: string;
  /** The version that becomes current. */
  readonly to: number;
  readonly by: ModelMove['by'];
  readonly reason: string;
  readonly now: Date;
}

/**
 * Makes a version current. Two movers at once both get their move, one after the other.
 *
 * The gate moves to a version once: a repeated move by `gate` or `first` returns the one in the log, even when
 * somebody has moved on since, so that a retried activity never undoes what a person did. A version that is current
 * already is not moved to again.
 *
 * @returns the move that made it current
 * @throws ModalmixError `config` when there is no such version
 */
export async function moveCurrent(store: Store, request: MoveRequest): Promise<ModelMove> {
  await findVersion(store, request.model, request.to);
  const { model, now } = request;
  return (await appendMove(store, model, now, (moves) => moveTo(moves, request)))!;
}

/**
 * As `moveCurrent`, but only where `from` is current: what was decided against one version says nothing of another.
 *
 * @returns undefined when another version is current, and nothing was moved
 */
export async function moveCurrentFrom(
  store: Store,
  request: MoveRequest & { readonly from: number },
): Promise<ModelMove | undefined> {
  const { model, from, now } = request;
  await findVersion(store, model, request.to);
  return await appendMove(store, model, now, (moves) => {
    const decided = moveTo(moves, request);
    return 'number' in decided || moves.at(-1)?.to === from ? decided : undefined;
  });
}

function moveTo(moves: readonly ModelMove[], { to, by, reason }: MoveRequest): Decision {
  const newest = moves.at(-1);
  const repeated =
    by === 'gate' || by === 'first' ? moves.findLast((move) => move.to === to && move.by === by) : undefined;
  if (repeated !== undefined) return repeated;
  return newest?.to === to ? newest : { to, by, reason };
}

export interface RollbackRequest {
  readonly model: string;
  readonly reason: string;
  readonly now: Date;
}

/**
 * Undoes the newest move that is not undone yet: after moves to 1, 2 and 3 a first rollback makes 2 current, a
 * second one 1; a move to 4 in between is undone first.
 *
 * @throws ModalmixError `config` when no move is left to undo
 */
export async function rollback(store: Store, { model, reason, now }: RollbackRequest): Promise<ModelMove> {
  const undone = await appendMove(store, model, now, (moves) => {
    const [before] = notUndone(moves).slice(-2, -1);
    if (before === undefined) {
      throw new ModalmixError('config', `the model "${model}" has no version to go back to`, {
        where: storePaths.modelMoves(model),
        fix:
          moves.length === 0
            ? 'No version of it was ever current.'
            : `Version ${String(moves.at(-1)?.to)} is where its history begins; "modalmix models promote" takes any version.`,
      });
    }
    return { to: before, by: 'rollback', reason };
  });
  return undone!;
}

/** The versions that were made current and not rolled back since, the current one last. */
function notUndone(moves: readonly ModelMove[]): number[] {
  const versions: number[] = [];
  for (const { by, to } of moves) {
    if (by === 'rollback') versions.pop();
    else versions.push(to);
  }
  return versions;
}

export interface CurrentVersion {
  readonly version: ModelVersion;
  /** The move that made it current. */
  readonly move: ModelMove;
}

/** Undefined when no version was ever current. A `current.json` that lags behind the log is mended. */
export async function readCurrent(store: Store, model: string): Promise<CurrentVersion | undefined> {
  const move = (await listMoves(store, model)).at(-1);
  if (move === undefined) return undefined;
  const version = await findVersion(store, model, move.to);
  const stored = await store.find(storePaths.currentModel(model));
  if (stored?.toString('utf8') !== currentText(version, move)) await writeCurrent(store, model);
  return { version, move };
}

/** @throws ModalmixError `config` naming the versions there are, when that is none of them */
export async function findVersion(store: Store, model: string, version: number): Promise<ModelVersion> {
  const versions = await listVersions(store, model);
  const found = versions.find((one) => one.version === version);
  if (found !== undefined) return found;
  throw new ModalmixError('config', `the model "${model}" has no version ${String(version)}`, {
    where: `${store.uri}/${storePaths.modelVersions(model)}`,
    fix:
      versions.length === 0
        ? await knownModels(store)
        : `There are ${versions.map((one) => String(one.version)).join(', ')}.`,
  });
}

/** By rising number; empty when there is no such model. */
export async function listVersions(store: Store, model: string): Promise<ModelVersion[]> {
  return await listRecords(store, storePaths.modelVersions(model), modelVersionSchema);
}

/** By rising number: the last one says what is current. */
export async function listMoves(store: Store, model: string): Promise<ModelMove[]> {
  return await listRecords(store, storePaths.modelMoves(model), modelMoveSchema);
}

/**
 * The newest move, which says what is current, at the price of one listing where it is the one that is known.
 *
 * @returns undefined when no version was ever current
 */
export async function newestMove(
  store: Store,
  model: string,
  known?: ModelMove,
): Promise<ModelMove | undefined> {
  const number = await newestNumber(store, storePaths.modelMoves(model));
  if (number === undefined || number === known?.number) return known;
  return await getStored(store, storePaths.modelMove(model, number), modelMoveSchema);
}

/** Names of the models that have a version or a window, sorted. */
export async function listModels(store: Store): Promise<string[]> {
  const names = (await store.list(storePaths.models)).map((path) => path.split('/')[1] ?? '');
  return [...new Set(names)].sort();
}

/** The models there are, as a sentence. */
export async function knownModels(store: Store): Promise<string> {
  const models = await listModels(store);
  return models.length === 0 ? 'No model is registered in this store.' : `Models: ${models.join(', ')}.`;
}

type Decision = ModelMove | Pick<ModelMove, 'to' | 'by' | 'reason'>;

/** @param decide asked again when another mover was quicker; a move of the log, or undefined, is returned as it is */
async function appendMove(
  store: Store,
  model: string,
  now: Date,
  decide: (moves: readonly ModelMove[]) => Decision | undefined,
): Promise<ModelMove | undefined> {
  for (;;) {
    const moves = await listMoves(store, model);
    const decided = decide(moves);
    if (decided === undefined) return undefined;
    if ('number' in decided) {
      await writeCurrent(store, model);
      return decided;
    }
    const newest = moves.at(-1);
    const move = modelMoveSchema.parse({
      formatVersion: 1,
      model,
      number: (newest?.number ?? 0) + 1,
      at: now.toISOString(),
      ...(newest === undefined ? {} : { from: newest.to }),
      ...decided,
    });
    if (!(await createRecord(store, storePaths.modelMove(model, move.number), move))) continue;
    await writeCurrent(store, model);
    return move;
  }
}

/** Until the log did not grow while it was written: the last of several writers leaves the newest move there. */
async function writeCurrent(store: Store, model: string): Promise<void> {
  let written: number | undefined;
  for (;;) {
    const newest = (await listMoves(store, model)).at(-1);
    if (newest === undefined || newest.number === written) return;
    const version = await findVersion(store, model, newest.to);
    await store.put(storePaths.currentModel(model), currentText(version, newest));
    written = newest.number;
  }
}

function currentText(version: ModelVersion, move: ModelMove): string {
  return recordText({
    formatVersion: 1,
    model: version.model,
    version: version.version,
    trainingId: version.trainingId,
    weights: version.weights.path,
    move: move.number,
    movedAt: move.at,
  } satisfies CurrentModel);
}
