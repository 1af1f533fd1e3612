/**
 * Answers by the version that is current, computed in a child process so that the worker's thread stays free. Loads no
 * TensorFlow itself.
 */
import { z } from 'zod';
import type { AnsweringModel } from '../../../schemas/answer.ts';
import { reviewOf, predictOf } from '../../../schemas/config/stream-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { ModelMove } from '../../../schemas/retrain.ts';
import { tensorflowEnvironment } from '../../engine/tensorflow-child.ts';
import { chooseModel } from '../../models/choose-model.ts';
import { findVersion, newestMove } from '../../models/registry.ts';
import { ServingChild } from '../../process/serving-child.ts';
import type { Store } from '../../store/store.ts';
import type { Log } from '../../streaming/log.ts';
import { extractionKeyOfTarget, type StreamTarget } from '../../streaming/stream-target.ts';
import type { TrainedOn } from './answer-watch.ts';
import { judgedSchema, loadedSchema, type Judged, type LoadRequest } from './answerer-protocol.ts';

/** A version that could not be used is tried again so often. */
const TRY_AGAIN_MS = 15_000;
const CHILD = new URL('./answerer-child.ts', import.meta.url);

export interface AnswererInput {
  readonly store: Store;
  readonly target: StreamTarget;
  /** The model's name in the registry. */
  readonly model: string;
  readonly log: Log;
  /** A version is answered by from now on. */
  readonly onVersion: (version: number) => void;
}

interface LoadedVersion {
  readonly move: ModelMove;
  readonly model: AnsweringModel;
  readonly trained: TrainedOn;
}

export interface JudgedBatch {
  readonly model: AnsweringModel;
  readonly trained: TrainedOn;
  readonly judged: readonly Judged[];
}

export class Answerer {
  readonly #input: AnswererInput;
  #move: ModelMove | undefined;
  #child: ServingChild | undefined;
  /** What the child was started with; another version may want something else. */
  #startedWith: string | undefined;
  #loaded: LoadedVersion | undefined;
  /** The move whose version cannot be used, and when that was tried. */
  #refused: { readonly move: number; readonly atMs: number } | undefined;
  #closed = false;
  #before: Promise<unknown> = Promise.resolve();

  constructor(input: AnswererInput) {
    this.#input = input;
  }

  /**
   * By the version that was current at a moment between this call and its end.
   *
   * @param values of records of the features topic
   * @returns undefined when no version is current, or the one that is cannot be used: that is logged, once
   * @throws ModalmixError `transient` when the store or the child fails: to be asked again
   */
  async judge(values: readonly (Uint8Array | null)[]): Promise<JudgedBatch | undefined> {
    const asked = this.#before.then(() => this.#judge(values));
    this.#before = asked.catch(() => undefined);
    return await asked;
  }

  /** Loads the current version where it is another one: the next batch need not wait for it. */
  async prepare(): Promise<void> {
    await this.judge([]);
  }

  /** For good: who asks later is refused. */
  close(): void {
    this.#closed = true;
    this.#child?.close();
  }

  async #judge(values: readonly (Uint8Array | null)[]): Promise<JudgedBatch | undefined> {
    const { store, model, target } = this.#input;
    if (this.#closed) throw new ModalmixError('cancelled', 'the worker has ended');
    // The log of moves, not `current.json`, which may lag behind it for a moment: an answer never comes from a
    // version that was replaced before the clip arrived.
    this.#move = await newestMove(store, model, this.#move);
    const move = this.#move;
    if (move === undefined || this.#isRefused(move)) return undefined;
    if (this.#loaded?.move.number !== move.number || this.#child?.alive !== true) {
      this.#loaded = await this.#load(move);
    }
    const [child, loaded] = [this.#child, this.#loaded];
    if (child === undefined || loaded === undefined) return undefined;
    const { model: by, trained } = loaded;
    if (values.length === 0) return { model: by, trained, judged: [] };
    const { labelled } = predictOf(target.stream);
    const judged = z
      .array(judgedSchema)
      .length(values.length)
      .parse(await child.ask({ kind: 'judge', labelled, values }));
    return { model: by, trained, judged };
  }

  /** What is wrong with a version may be mended: its file restored, say. */
  #isRefused({ number }: ModelMove): boolean {
    const refused = this.#refused;
    return refused?.move === number && performance.now() - refused.atMs < TRY_AGAIN_MS;
  }

  /** @returns undefined when the version cannot be used */
  async #load(move: ModelMove): Promise<LoadedVersion | undefined> {
    const { model: name, store, log, target } = this.#input;
    const startedAt = performance.now();
    try {
      const version = await findVersion(store, name, move.to);
      const request = await this.#requestOf(move);
      const child = await this.#childFor(request);
      const { extractorVersion, ...trained } = loadedSchema.parse(await child.ask(request));
      const seconds = (performance.now() - startedAt) / 1_000;
      log.info(
        { model: name, version: move.to, move: move.number, seconds },
        'answers come from this version now',
      );
      if (extractorVersion !== target.extractorVersion) {
        log.warn(
          { trained: extractorVersion, here: target.extractorVersion },
          'the version was trained on features of another extractor: they differ in their last bits',
        );
      }
      this.#input.onVersion(move.to);
      return { move, model: { name, version: move.to, sha256: version.weights.sha256 }, trained };
    } catch (error) {
      if (!(error instanceof ModalmixError) || (error.kind !== 'config' && error.kind !== 'input'))
        throw error;
      if (this.#refused?.move !== move.number) {
        log.error(
          { model: name, version: move.to, move: move.number, reason: error.message, where: error.where },
          'the current version cannot answer; clips wait until that is mended, or another one is current',
        );
      }
      this.#refused = { move: move.number, atMs: performance.now() };
      return undefined;
    }
  }

  async #requestOf(move: ModelMove): Promise<LoadRequest> {
    const { store, model, target } = this.#input;
    const { name, extraction, extractorVersion, stream } = target;
    const { share, reasons, referenceClips, neighbours } = reviewOf(stream);
    return {
      kind: 'load',
      storeUri: store.uri,
      chosen: await chooseModel(store, { model: `${model}@${String(move.to)}` }),
      target: { name, extraction, extractorVersion, extractionKey: extractionKeyOfTarget(target) },
      referenceClips: share > 0 && reasons.includes('far') ? referenceClips : 0,
      neighbours,
    };
  }

  /** The child there is, unless the version wants another environment, or brings plug-ins, which stay in a process. */
  async #childFor({ chosen: { spec } }: LoadRequest): Promise<ServingChild> {
    const env = tensorflowEnvironment(spec.training.threads);
    const wanted = JSON.stringify([env, spec.plugins]);
    if (this.#child?.alive === true && this.#startedWith === wanted) return this.#child;
    this.#child?.close();
    this.#loaded = undefined;
    const child = await ServingChild.start(CHILD, env);
    this.#child = child;
    if (this.#closed) child.close();
    this.#startedWith = wanted;
    return this.#child;
  }
}
