/**
 * Answers requests for predictions as long as a server lives: clips are extracted here (by the extractor's own, confined
 * processes) and judged in a child process. Each request is extracted as it comes, within its own time; those that are
 * ready together are judged as a batch, so a slow clip holds up its own request alone. Between two batches another
 * version of the model may be taken over, so each request is answered by one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import { usableCores } from '../../process/machine/machine.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { ClipPrediction } from '../../../schemas/prediction.ts';
import { extractorSource } from '../../extraction/create-extractor.ts';
import type { Extractor } from '../../extraction/extractor.ts';
import { extractFile, type ExtractedFile } from '../extract-file.ts';
import { FollowedModel, type FollowedModelOptions, type LoadedVersion } from './followed-model.ts';

export interface PredictorOptions extends FollowedModelOptions {
  /** Clips of a batch, unless one request alone has more. */
  readonly maxBatch: number;
  /** How long a request that is extracted waits for others that are being extracted, milliseconds. */
  readonly maxWaitMs: number;
  /** Clips that may wait: to be extracted, or to be judged. */
  readonly maxQueue: number;
  readonly onBatch?: (clips: number) => void;
}

export interface Answered {
  readonly by: LoadedVersion;
  /** In the order of the request's files. */
  readonly predictions: readonly ClipPrediction[];
}

/** No more can wait now. */
export class Busy extends Error {
  override readonly name = 'Busy';
}

/** Whoever asked has stopped waiting. */
export class GivenUp extends Error {
  override readonly name = 'GivenUp';
}

/** How long whoever asks will wait. */
export interface Patience {
  /** They have given up: what is not judged yet is left out. */
  readonly signal: AbortSignal;
  /** When that will be, by `performance.now()`. */
  readonly deadlineMs: number;
}

interface Job extends Patience {
  readonly files: readonly string[];
  readonly resolve: (answer: Answered) => void;
  readonly reject: (error: unknown) => void;
}

interface ReadyJob {
  readonly job: Job;
  /** `LoadedVersion.extractionKey` that it was extracted by. */
  readonly extractionKey: string;
  readonly extracted: readonly ExtractedFile[];
  readonly sinceMs: number;
}

/** How often the registry is looked at while nobody asks. */
const IDLE_LOOK_MS = 1_000;
/** The process that judges may die once under a batch. */
const MOST_TRIES = 2;
/** Of the time that a request has left, what one clip may take: the others of the request can still be answered. */
const CLIP_SHARE = 0.9;

export class Predictor {
  readonly #options: PredictorOptions;
  readonly #model: FollowedModel;
  readonly #extractor = extractorSource(() => undefined);
  /** Two at least, so that one slow clip leaves room. */
  readonly #limit = pLimit(Math.max(2, usableCores()));
  /** Not taken into a batch yet; those that are not ready are being extracted. */
  readonly #waiting = new Set<Job>();
  #ready: ReadyJob[] = [];
  /** The newest that was loaded, also while the process that judges is started again. */
  #newest: LoadedVersion | undefined;
  #wake: () => void = () => undefined;
  #stopping = false;
  #ended: Promise<void> | undefined;

  constructor(options: PredictorOptions) {
    this.#options = options;
    this.#model = new FollowedModel(options);
  }

  /**
   * Loads the model and begins to answer.
   *
   * @throws ModalmixError as `loadModel`
   */
  async start(): Promise<void> {
    this.#newest = await this.#model.current();
    this.#ended = this.#work();
  }

  /** Undefined while none can answer. */
  get loaded(): LoadedVersion | undefined {
    return this.#model.loaded;
  }

  get waitingClips(): number {
    return sumOfFiles([...this.#waiting]);
  }

  /** No more can wait. */
  get isFull(): boolean {
    return this.waitingClips >= this.#options.maxQueue;
  }

  get childPid(): number | undefined {
    return this.#model.pid;
  }

  /**
   * @param files absolute
   * @throws Busy when too many wait; GivenUp by the signal, before it was judged; ModalmixError `transient` when the
   *   process that judges keeps dying
   */
  async predict(files: readonly string[], patience: Patience): Promise<Answered> {
    if (this.#stopping || this.waitingClips + files.length > this.#options.maxQueue) throw new Busy();
    return await new Promise<Answered>((resolve, reject) => {
      const job: Job = { files, ...patience, resolve, reject };
      // At once: what reads the clip may take a while to end, and the room is somebody else's now.
      const giveUp = () => {
        this.#waiting.delete(job);
        reject(new GivenUp());
      };
      patience.signal.addEventListener('abort', giveUp, { once: true });
      void this.#prepare(job);
    });
  }

  /** Answers what waits, then ends. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake();
    await this.#ended;
    this.#model.close();
  }

  async #work(): Promise<void> {
    for (;;) {
      if (this.#ready.length > 0) await this.#judge(await this.#gather());
      else if (this.#stopping && this.#waiting.size === 0) return;
      else await this.#idle();
    }
  }

  /** Until a request is ready; meanwhile the registry is followed. */
  async #idle(): Promise<void> {
    const look = new AbortController();
    const woken = new Promise<void>((resolve) => (this.#wake = resolve));
    await Promise.race([
      woken,
      sleep(IDLE_LOOK_MS, undefined, { signal: look.signal }).catch(() => undefined),
    ]);
    look.abort();
    if (this.#ready.length > 0 || this.#stopping) return;
    // What fails here is told to who asks next.
    const current = await this.#model.current().catch(() => undefined);
    this.#newest = current ?? this.#newest;
  }

  /** Settles the job where it cannot become ready. */
  async #prepare(job: Job): Promise<void> {
    this.#waiting.add(job);
    try {
      const by = this.#newest!;
      const extractor = await this.#extractor(by.manifest.extractorVersion);
      const extracted = await Promise.all(
        job.files.map((path) => this.#limit(extractInTime, extractor, path, by.extraction, job)),
      );
      const { extractionKey } = by;
      this.#ready.push({ job, extractionKey, extracted, sinceMs: performance.now() });
    } catch (error) {
      this.#waiting.delete(job);
      job.reject(job.signal.aborted ? new GivenUp() : error);
    }
    this.#wake();
  }

  async #gather(): Promise<ReadyJob[]> {
    const { maxBatch, maxWaitMs } = this.#options;
    const deadline = (this.#ready[0]?.sinceMs ?? 0) + maxWaitMs;
    while (
      this.#ready.length < this.#waiting.size &&
      sumOfFiles(this.#ready.map(({ job }) => job)) < maxBatch &&
      performance.now() < deadline
    ) {
      await sleep(Math.min(1, maxWaitMs));
    }
    const batch: ReadyJob[] = [];
    let clips = 0;
    for (let next = this.#ready[0]; next !== undefined; next = this.#ready[0]) {
      const { job } = next;
      if (batch.length > 0 && clips + job.files.length > maxBatch) break;
      this.#ready.shift();
      this.#waiting.delete(job);
      if (job.signal.aborted) {
        job.reject(new GivenUp());
        continue;
      }
      batch.push(next);
      clips += job.files.length;
    }
    return batch;
  }

  /** Settles every job of it, or has it extracted again, for a version that needs other features. */
  async #judge(batch: readonly ReadyJob[]): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const by = await this.#model.current();
        this.#newest = by;
        const usable = batch.filter(({ extractionKey }) => extractionKey === by.extractionKey);
        await this.#answer(usable, by);
        for (const ready of batch) if (!usable.includes(ready)) void this.#prepare(ready.job);
        return;
      } catch (error) {
        const mayPass = error instanceof ModalmixError && error.kind === 'transient';
        if (mayPass && attempt < MOST_TRIES) continue;
        for (const { job } of batch) job.reject(error);
        return;
      }
    }
  }

  async #answer(batch: readonly ReadyJob[], by: LoadedVersion): Promise<void> {
    const files = batch.flatMap(({ extracted }) => extracted);
    const usable = files.flatMap((file) => ('clip' in file ? [file.clip] : []));
    const judged = await this.#model.judge(usable);
    if (batch.length > 0) this.#options.onBatch?.(files.length);
    let row = 0;
    for (const { job, extracted } of batch) {
      const predictions = extracted.map((file): ClipPrediction =>
        'clip' in file ? { path: file.path, ...judged[row++]! } : file,
      );
      job.resolve({ by, predictions });
    }
  }
}

function sumOfFiles(jobs: readonly Job[]): number {
  return jobs.reduce((sum, { files }) => sum + files.length, 0);
}

/** A clip may take no longer than its request can wait, whatever the dataset's limit is. @throws GivenUp */
async function extractInTime(
  extractor: Extractor,
  path: string,
  extraction: LoadedVersion['extraction'],
  { signal, deadlineMs }: Patience,
): Promise<ExtractedFile> {
  const leftMs = deadlineMs - performance.now();
  if (signal.aborted || leftMs <= 0) throw new GivenUp();
  const { limits } = extraction;
  const clipTimeoutS = Math.min(limits.clipTimeoutS, (leftMs * CLIP_SHARE) / 1_000);
  return await extractFile(extractor, path, { ...extraction, limits: { ...limits, clipTimeoutS } }, signal);
}
