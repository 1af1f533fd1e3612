/** The main job and its stages: started on the server and its workers, followed, waited for. */
import { loadManifest } from '../pipelines/shards/manifest/load-manifest.ts';
import { resolveConfig } from '../pipelines/config/load-config.ts';
import type { DatasetManifest } from '../schemas/manifest.ts';
import { ModalmixError } from '../schemas/errors.ts';
import type { Progress } from '../schemas/progress.ts';
import type { Summary } from '../schemas/summary.ts';
import type {
  EvaluateModelOutput,
  RebuildAndTrainOutput,
  RebuildDatasetOutput,
  TrainModelOutput,
} from '../schemas/workflows.ts';
import { fileToOpen } from '../runs/file-to-open.ts';
import { Detached, follow } from '../runs/follow.ts';
import { prepareConfig, prepareRun, type PreparedRun } from '../runs/prepare-run.ts';
import { publishedDataset } from '../runs/published-dataset.ts';
import { connect, type Session } from '../runs/session.ts';
import { startRebuild, startRun, startTrainings, type StartedWork } from '../runs/start-work.ts';
import type { Screen } from '../runs/screen.ts';
import { storePaths } from '../schemas/names.ts';
import type { ConfigInput } from './config.ts';
import { readSummary } from './results.ts';

export type { EvaluateModelOutput, TrainModelOutput };

export interface JobOptions {
  /** Told of every look at the job, about twice a second. */
  readonly onProgress?: (progress: Progress) => void;
  /** Stops following: `result` rejects, and the job runs on. To end the job itself: `cancel`. */
  readonly signal?: AbortSignal;
  /** Where relative paths of a config that no file holds start. Default: the working folder. */
  readonly folder?: string;
}

/** Work that goes on whether or not this process does. To iterate over it gives its progress until its end. */
export interface Job<Result> extends AsyncIterable<Progress> {
  /** What the command line knows it by, as in `modalmix status <runId>`. */
  readonly runId: string;
  /** URI of the store. */
  readonly store: string;
  /**
   * Waits for the end.
   *
   * @throws ModalmixError the stage's own error; `cancelled` when the job was cancelled, or following it was stopped
   */
  result(): Promise<Result>;
  /** Ends the job; what is done is kept, and starting it again goes on from there. */
  cancel(): Promise<void>;
}

export interface RunResult extends RebuildAndTrainOutput {
  readonly runId: string;
  /** Every method's scores. */
  readonly scores: Summary;
  /** The report's page, a file on this machine. */
  readonly page: string;
}

export interface RebuildResult extends RebuildDatasetOutput {
  readonly runId: string;
  readonly manifest: DatasetManifest;
}

/** Told nothing: what a program wants to know it asks the job. */
const SILENT: Screen = {
  say: () => undefined,
  event: () => undefined,
  progress: () => undefined,
  close: () => undefined,
};
const POLL_MS = 500;

/**
 * The whole job, from clips to a report: as `modalmix run`. A job of the same config that runs already is joined, and
 * what is done already is not done again.
 *
 * @param target a config, the path of a config file, or of a folder with one folder of clips a class
 * @returns once it is started
 * @throws ModalmixError `config` when the config or its dataset cannot be used; `transient` when no server answers
 */
export async function run(target: ConfigInput | string, options: JobOptions = {}): Promise<Job<RunResult>> {
  const prepared = await prepare(target, options);
  return await start(
    prepared,
    options,
    async (client) => await startRun(client, prepared),
    async ([output]) => {
      const { store, runId } = prepared;
      const scores = await readSummary(store, runId);
      const page = await fileToOpen(store, storePaths.report(runId));
      return { ...(output as RebuildAndTrainOutput), runId, scores, page: page.file };
    },
  );
}

/** Extracts what is missing and publishes the dataset: as `modalmix rebuild`. Arguments and errors as `run`. */
export async function rebuild(
  target: ConfigInput | string,
  options: JobOptions = {},
): Promise<Job<RebuildResult>> {
  const prepared = await prepare(target, options);
  return await start(
    prepared,
    options,
    async (client) => await startRebuild(client, prepared),
    async ([first]) => {
      const output = first as RebuildDatasetOutput;
      const { name, version } = output.dataset;
      const manifest = await loadManifest(prepared.store, name, version);
      return { ...output, runId: prepared.runId, manifest };
    },
  );
}

/**
 * Trains every method and seed of the config on the dataset that it was last rebuilt to: as `modalmix train`. Arguments
 * and errors as `run`.
 *
 * @returns an output a training, by method, then by seed
 * @throws ModalmixError `config` when the dataset has not been built
 */
export async function train(
  target: ConfigInput | string,
  options: JobOptions = {},
): Promise<Job<readonly TrainModelOutput[]>> {
  return await trainings<TrainModelOutput>('train', target, options);
}

/** Judges each of those trainings on the test split: as `modalmix evaluate`, otherwise as `train`. */
export async function evaluate(
  target: ConfigInput | string,
  options: JobOptions = {},
): Promise<Job<readonly EvaluateModelOutput[]>> {
  return await trainings<EvaluateModelOutput>('evaluate', target, options);
}

async function trainings<Output>(
  stage: 'train' | 'evaluate',
  target: ConfigInput | string,
  options: JobOptions,
): Promise<Job<readonly Output[]>> {
  const prepared = await prepare(target, options);
  const name = typeof target === 'string' ? target : prepared.config.name;
  const dataset = await publishedDataset(prepared, name);
  return await start(
    prepared,
    options,
    async (client) => await startTrainings(client, stage, prepared, dataset),
    async (outputs) => outputs as Output[],
  );
}

async function prepare(
  target: ConfigInput | string,
  { folder = process.cwd() }: JobOptions,
): Promise<PreparedRun> {
  if (typeof target === 'string') return await prepareRun(target, SILENT);
  return await prepareConfig(await resolveConfig(target, folder));
}

async function start<Result>(
  { runId, config }: PreparedRun,
  options: JobOptions,
  startWork: (client: Session['client']) => Promise<StartedWork>,
  resultOf: (outputs: readonly unknown[]) => Promise<Result>,
): Promise<Job<Result>> {
  const session = await connect(SILENT);
  try {
    const { workflowIds } = await session.answered(async () => await startWork(session.client));
    return new FollowedJob(runId, config.store, session, workflowIds, options, resultOf);
  } catch (error) {
    await session.close();
    throw error;
  }
}

class FollowedJob<Result> implements Job<Result> {
  readonly runId: string;
  readonly store: string;
  readonly #workflowIds: readonly string[];
  readonly #session: Session;
  readonly #result: Promise<Result>;
  readonly #listeners = new Set<() => void>();
  #latest: Progress | undefined;
  #looks = 0;
  #ended = false;

  constructor(
    runId: string,
    store: string,
    session: Session,
    workflowIds: readonly string[],
    options: JobOptions,
    resultOf: (outputs: readonly unknown[]) => Promise<Result>,
  ) {
    this.runId = runId;
    this.store = store;
    this.#session = session;
    this.#workflowIds = workflowIds;
    this.#result = this.#follow(options).then(resultOf);
    // Whoever asks for the result is told; a job that nobody asks about ends no process.
    this.#result.catch(() => undefined);
  }

  async result(): Promise<Result> {
    return await this.#result;
  }

  async cancel(): Promise<void> {
    if (this.#ended) return;
    for (const id of this.#workflowIds) await this.#session.client.workflow.getHandle(id).cancel();
    await this.#result.catch(() => undefined);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Progress, void> {
    let seen = 0;
    for (;;) {
      if (this.#latest !== undefined && this.#looks > seen) {
        seen = this.#looks;
        yield this.#latest;
      } else if (this.#ended) return;
      else await new Promise<void>((resolve) => this.#listeners.add(resolve));
    }
  }

  async #follow({ onProgress, signal }: JobOptions): Promise<readonly unknown[]> {
    const { client, revive, isAbandoned, workerFailure } = this.#session;
    try {
      return await follow(client, this.#workflowIds, {
        pollMs: POLL_MS,
        signal: signal ?? new AbortController().signal,
        revive,
        isAbandoned,
        workerFailure,
        onProgress: (progress) => {
          this.#latest = progress;
          this.#looks += 1;
          onProgress?.(progress);
          this.#wake();
        },
      });
    } catch (error) {
      if (!(error instanceof Detached)) throw error;
      throw new ModalmixError('cancelled', 'following the job was stopped; the job runs on', {
        where: this.runId,
        fix: 'Start it again to join it.',
      });
    } finally {
      this.#ended = true;
      this.#wake();
      await this.#session.close();
    }
  }

  #wake(): void {
    const waiting = [...this.#listeners];
    this.#listeners.clear();
    for (const wake of waiting) wake();
  }
}
