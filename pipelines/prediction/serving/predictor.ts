/**
 * Answers requests for predictions as long as a server lives: clips are extracted here (by the extractor's own, confined
 * processes) and judged in a child process. Requests that wait together are a batch; while one is judged the next is
 * extracted. Between two batches another version of the model may be taken over, so each request is answered by one.
 */
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { ClipPrediction } from '../../../schemas/prediction.ts';
import { extractorSource } from '../../extraction/create-extractor.ts';
import { extractFile, type ExtractedFile } from '../extract-file.ts';
import { FollowedModel, type FollowedModelOptions, type LoadedVersion } from './followed-model.ts';

export interface PredictorOptions extends FollowedModelOptions {
  /** Clips of a batch, unless one request alone has more. */
  readonly maxBatch: number;
  /** How long a request waits for others, milliseconds. */
  readonly maxWaitMs: number;
  /** Clips that may wait. */
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

interface Job {
  readonly files: readonly string[];
  readonly signal: AbortSignal;
  readonly resolve: (answer: Answered) => void;
  readonly reject: (error: unknown) => void;
}

interface Batch {
  readonly jobs: readonly Job[];
  readonly by: LoadedVersion;
  readonly extracted: ReadonlyMap<Job, readonly ExtractedFile[]>;
}

/** How often the registry is looked at while nobody asks. */
const IDLE_LOOK_MS = 1_000;
/** The process that judges may die once under a batch. */
const MOST_TRIES = 2;

export class Predictor {
  readonly #options: PredictorOptions;
  readonly #model: FollowedModel;
  readonly #extractor = extractorSource(() => undefined);
  readonly #limit = pLimit(availableParallelism());
  readonly #queue: Job[] = [];
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
    await this.#model.current();
    this.#ended = this.#work();
  }

  /** Undefined while none can answer. */
  get loaded(): LoadedVersion | undefined {
    return this.#model.loaded;
  }

  get waitingClips(): number {
    return this.#queue.reduce((sum, { files }) => sum + files.length, 0);
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
   * @param signal whoever waits gives up: what has not begun is left out
   * @throws Busy when too many wait; GivenUp by the signal, before it began; ModalmixError `transient` when the process that judges keeps dying
   */
  async predict(files: readonly string[], signal: AbortSignal): Promise<Answered> {
    if (this.#stopping || this.waitingClips + files.length > this.#options.maxQueue) throw new Busy();
    return await new Promise<Answered>((resolve, reject) => {
      this.#queue.push({ files, signal, resolve, reject });
      this.#wake();
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
    let judging: Promise<void> = Promise.resolve();
    for (;;) {
      if (this.#queue.length === 0) {
        await judging;
        if (this.#stopping) return;
        await this.#idle();
        continue;
      }
      const jobs = await this.#gather();
      if (jobs.length === 0) continue;
      const before = judging;
      try {
        const batch = await this.#extract(jobs, before);
        await before;
        judging = this.#judge(batch);
      } catch (error) {
        for (const job of jobs) job.reject(error);
      }
    }
  }

  /** Until somebody asks; meanwhile the registry is followed. */
  async #idle(): Promise<void> {
    const look = new AbortController();
    const woken = new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#queue.length > 0 || this.#stopping) return;
    await Promise.race([
      woken,
      sleep(IDLE_LOOK_MS, undefined, { signal: look.signal }).catch(() => undefined),
    ]);
    look.abort();
    // What fails here is told to who asks next.
    if (this.#queue.length === 0) await this.#model.current().catch(() => undefined);
  }

  async #gather(): Promise<Job[]> {
    const { maxBatch, maxWaitMs } = this.#options;
    const deadline = performance.now() + maxWaitMs;
    while (this.waitingClips < maxBatch && !this.#stopping && performance.now() < deadline) {
      await sleep(Math.min(1, maxWaitMs));
    }
    const jobs: Job[] = [];
    let clips = 0;
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if (jobs.length > 0 && clips + next.files.length > maxBatch) break;
      this.#queue.shift();
      if (next.signal.aborted) {
        next.reject(new GivenUp());
        continue;
      }
      jobs.push(next);
      clips += next.files.length;
    }
    return jobs;
  }

  async #extract(jobs: readonly Job[], judged: Promise<void>): Promise<Batch> {
    // While another batch is judged the version stays; what is loaded next may need other features, see `#judge`.
    const { loaded } = this.#model;
    if (loaded !== undefined) return await this.#extractFor(jobs, loaded);
    await judged;
    return await this.#extractFor(jobs, await this.#model.current());
  }

  async #extractFor(jobs: readonly Job[], by: LoadedVersion): Promise<Batch> {
    const extractor = await this.#extractor(by.manifest.extractorVersion);
    const extracted = await Promise.all(
      jobs.map(async (job) => {
        const files = job.files.map((path) => this.#limit(extractFile, extractor, path, by.extraction));
        return [job, await Promise.all(files)] as const;
      }),
    );
    return { jobs, by, extracted: new Map(extracted) };
  }

  /** Settles every job of it. */
  async #judge(batch: Batch): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const by = await this.#model.current();
        const ready =
          by.extractionKey === batch.by.extractionKey ? batch : await this.#extractFor(batch.jobs, by);
        await this.#answer(ready, by);
        return;
      } catch (error) {
        const mayPass = error instanceof ModalmixError && error.kind === 'transient';
        if (mayPass && attempt < MOST_TRIES) continue;
        for (const job of batch.jobs) job.reject(error);
        return;
      }
    }
  }

  async #answer({ jobs, extracted }: Batch, by: LoadedVersion): Promise<void> {
    const files = jobs.flatMap((job) => extracted.get(job)!);
    const usable = files.flatMap((file) => ('clip' in file ? [file.clip] : []));
    const judged = await this.#model.judge(usable);
    this.#options.onBatch?.(files.length);
    let row = 0;
    for (const job of jobs) {
      const predictions = extracted
        .get(job)!
        .map((file): ClipPrediction => ('clip' in file ? { path: file.path, ...judged[row++]! } : file));
      job.resolve({ by, predictions });
    }
  }
}
