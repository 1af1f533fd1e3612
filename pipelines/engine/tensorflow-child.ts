/** A stage that computes with TensorFlow, in a child process. Loads no TensorFlow itself. */
import { engineOfEnvironment } from '../../schemas/config/asked-engine.ts';
import { judgingEngine, type Engine } from '../../schemas/config/engine.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import type { ActivityProgress } from '../../schemas/progress.ts';
import type { TrainingSpec } from '../../schemas/training.ts';
import { runInChild } from '../process/child-process.ts';
import { usableCores } from '../process/machine/machine.ts';
import { tensorMemoryEnvironment } from './memory/tensor-memory.ts';
import type { TrainingPlace } from './training-places.ts';

export interface TensorflowStageOptions {
  readonly storeUri: string;
  readonly spec: TrainingSpec;
  readonly onProgress?: (progress: ActivityProgress) => void;
  /** Stops at the stage's next safe point; the call then fails with kind `cancelled`. */
  readonly signal?: AbortSignal;
  /** Threads, where the training's config names none, and its GPU; absent: all cores, and what the environment says. */
  readonly place?: TrainingPlace;
}

/**
 * @param entry URL of a module that calls `serveParent` and takes `{ storeUri, spec }`
 * @param engine absent: the one that judges where the training's trains
 * @returns what it returned, to be parsed by the caller
 * @throws ModalmixError whatever the stage throws; `transient` when the child died
 */
export async function runTensorflowStage(
  entry: URL,
  options: TensorflowStageOptions,
  engine?: Engine,
): Promise<unknown> {
  const { storeUri, spec, onProgress, signal, place } = options;
  return await runTensorflowChild(
    entry,
    { storeUri, spec },
    {
      threads: spec.training.threads,
      engine: engine ?? judgingEngine(spec.training.engine ?? engineOfEnvironment(process.env)),
      ...(onProgress === undefined ? {} : { onProgress }),
      ...(signal === undefined ? {} : { signal }),
      ...(place === undefined ? {} : { place }),
    },
  );
}

export interface TensorflowChildOptions extends Pick<
  TensorflowStageOptions,
  'onProgress' | 'signal' | 'place'
> {
  /** Undefined: those of `place`, else one for each core this process may use. */
  readonly threads: number | undefined;
  /** Absent: the one that judges where `MODALMIX_ENGINE`'s trains. */
  readonly engine?: Engine;
}

/** As `runTensorflowStage`, for a module that takes any other `input`. */
export async function runTensorflowChild(
  entry: URL,
  input: unknown,
  { threads, engine, onProgress, signal, place }: TensorflowChildOptions,
): Promise<unknown> {
  return await runInChild(entry, input, {
    env: {
      ...tensorflowEnvironment(threads ?? place?.threads, engine),
      ...(place?.gpu === undefined ? {} : { CUDA_VISIBLE_DEVICES: place.gpu }),
    },
    onProgress: (progress) => onProgress?.(progress as ActivityProgress),
    ...(signal === undefined ? {} : { signal }),
  });
}

/**
 * What a process that computes with TensorFlow is started with. TensorFlow reads its thread counts once,
 * when it is loaded, so they cannot be set from inside.
 *
 * @param threads absent: one for each core this process may use
 * @param engine see `TensorflowChildOptions`
 */
export function tensorflowEnvironment(
  threads: number = usableCores(),
  engine: Engine = judgingEngine(engineOfEnvironment(process.env)),
): Record<string, string> {
  return {
    [ENVIRONMENT.engine]: engine,
    OMP_NUM_THREADS: String(threads),
    TF_NUM_INTRAOP_THREADS: String(threads),
    // Operators are issued one after the other; more would only differ in who waits.
    TF_NUM_INTEROP_THREADS: '1',
    TF_CPP_MIN_LOG_LEVEL: '2',
    ...tensorMemoryEnvironment(),
    // Where that is not: tensors of many MiB come and go all the time; in huge pages a tenth of a step's time is saved.
    // The threshold, else moving upwards, gives each large one a mapping of its own: no holes stay behind (glibc 2.35
    // and newer, others do not look).
    GLIBC_TUNABLES:
      process.env['GLIBC_TUNABLES'] ?? 'glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=1048576',
  };
}
