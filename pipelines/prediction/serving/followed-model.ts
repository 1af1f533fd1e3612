/** The model that a server answers by: loaded into the process that judges, and another one when the registry moves. */
import type { ChosenModel } from '../../../schemas/prediction.ts';
import type { DatasetManifest } from '../../../schemas/manifest.ts';
import type { ModelMove } from '../../../schemas/retrain.ts';
import { chooseModel } from '../../models/choose-model.ts';
import { newestMove } from '../../models/registry.ts';
import { ServingChild } from '../../process/serving-child.ts';
import { loadManifest } from '../../shards/manifest/load-manifest.ts';
import type { Store } from '../../store/store.ts';
import { tensorflowEnvironment } from '../../engine/tensorflow-child.ts';
import type { ExtractedClip } from '../../extraction/extractor.ts';
import { extractionFor } from '../extract-file.ts';
import { judgedSchema, loadedSchema, type JudgedClips, type JudgingRequest } from './judging-protocol.ts';

export interface LoadedVersion {
  readonly chosen: ChosenModel;
  readonly manifest: DatasetManifest;
  readonly extraction: DatasetManifest['extraction'];
  /** Equal where clips that were extracted for the one can be judged by the other. */
  readonly extractionKey: string;
  /** The weights' epoch, from 1. */
  readonly epoch: number;
}

export interface FollowedModelOptions {
  readonly store: Store;
  readonly chosen: ChosenModel;
  /** The registered model whose current version is followed; absent: it stays the one that was chosen. */
  readonly follow?: string;
  /** Told what happens: `restarted`, `taken-over`, `not-loaded`. */
  readonly onEvent: (event: ModelEvent, detail: string) => void;
}

export type ModelEvent = 'restarted' | 'taken-over' | 'not-loaded';

const CHILD = new URL('./judging-child.ts', import.meta.url);
/** How often at most the registry is looked at. */
const LOOK_MS = 500;
/** A version that could not be loaded is tried again after so long. */
const TRY_AGAIN_MS = 15_000;

export class FollowedModel {
  readonly #options: FollowedModelOptions;
  #chosen: ChosenModel;
  #child: ServingChild | undefined;
  /** What the child was started with; another version may want something else. */
  #startedWith: string | undefined;
  #loaded: LoadedVersion | undefined;
  #lookedAt = -Infinity;
  #move: ModelMove | undefined;
  #failed: { readonly version: number; readonly at: number } | undefined;

  constructor(options: FollowedModelOptions) {
    this.#options = options;
    this.#chosen = options.chosen;
  }

  /** Undefined while none is loaded. */
  get loaded(): LoadedVersion | undefined {
    return this.#child?.alive === true ? this.#loaded : undefined;
  }

  /** Of the process that judges, for who watches it. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * The version to answer by now: the registry's current one where it is followed. Not called while clips are judged.
   *
   * @throws ModalmixError as `loadModel`, when none is loaded and none can be
   */
  async current(): Promise<LoadedVersion> {
    const next = await this.#moved();
    if (next !== undefined) {
      try {
        await this.#load(next);
        this.#options.onEvent('taken-over', String(next.version?.version ?? ''));
      } catch (error) {
        if (this.loaded === undefined && this.#loaded === undefined) throw error;
        this.#failed = { version: next.version?.version ?? 0, at: performance.now() };
        this.#options.onEvent('not-loaded', error instanceof Error ? error.message : String(error));
      }
    }
    return this.loaded ?? (await this.#load(this.#chosen));
  }

  /** @throws ModalmixError `transient` when the process died; the next call of `current` starts another */
  async judge(clips: readonly ExtractedClip[]): Promise<JudgedClips> {
    if (clips.length === 0) return [];
    const request: JudgingRequest = { kind: 'judge', clips: [...clips] };
    return judgedSchema.parse(await this.#child!.ask(request));
  }

  close(): void {
    this.#child?.close();
  }

  /** What the registry's current version is, where it is another than the loaded one. */
  async #moved(): Promise<ChosenModel | undefined> {
    const { store, follow } = this.#options;
    if (follow === undefined || performance.now() - this.#lookedAt < LOOK_MS) return undefined;
    this.#lookedAt = performance.now();
    try {
      // The log of moves, of which only what is new is read.
      this.#move = await newestMove(store, follow, this.#move);
      const version = this.#move?.to;
      if (version === undefined || version === this.#chosen.version?.version) return undefined;
      const failed = this.#failed;
      if (failed?.version === version && performance.now() - failed.at < TRY_AGAIN_MS) return undefined;
      return await chooseModel(store, { model: `${follow}@${String(version)}` });
    } catch (error) {
      this.#options.onEvent('not-loaded', error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /** Beside the version that is loaded, which stays where this one cannot be. */
  async #load(chosen: ChosenModel): Promise<LoadedVersion> {
    const { store } = this.#options;
    const { spec } = chosen;
    const manifest = await loadManifest(store, spec.dataset.name, spec.dataset.version);
    const { child, startedWith } = await this.#childFor(chosen);
    const request: JudgingRequest = { kind: 'load', storeUri: store.uri, chosen };
    const before = this.#child;
    let epoch: number;
    try {
      ({ epoch } = loadedSchema.parse(await child.ask(request)));
    } catch (error) {
      if (child !== before) child.close();
      throw error;
    }
    if (child !== before) before?.close();
    this.#child = child;
    this.#startedWith = startedWith;
    const extraction = extractionFor(spec, manifest);
    const extractionKey = JSON.stringify([manifest.extractorVersion, extraction]);
    this.#chosen = chosen;
    this.#loaded = { chosen, manifest, extraction, extractionKey, epoch };
    return this.#loaded;
  }

  /** The child there is, or another one: for an environment of its own, or plug-ins, which stay in a process. */
  async #childFor({ spec }: ChosenModel): Promise<{ child: ServingChild; startedWith: string }> {
    const env = tensorflowEnvironment(spec.training.threads);
    const startedWith = JSON.stringify([env, spec.plugins]);
    const child = this.#child;
    if (child?.alive === true && this.#startedWith === startedWith) return { child, startedWith };
    if (child?.alive === false) {
      this.#options.onEvent('restarted', 'the process that judges has ended');
      this.#child = undefined;
    }
    return { child: await ServingChild.start(CHILD, env), startedWith };
  }
}
