/**
 * The answer of every workflow's `progress` query, and what the CLI draws its bars from.
 */
export const STAGES = [
  'index',
  'extract',
  'publish',
  'stream',
  'train',
  'evaluate',
  'report',
  'datasets',
  'cells',
  'trials',
  'base',
  'window',
  'freeze',
  'fine-tune',
  'compare',
  'decide',
] as const;
export type Stage = (typeof STAGES)[number];
/** The words for a stage, the same in a workflow and in the one that started it. */
export function stageLabel(
  stage: Stage,
  training?: { readonly method: string; readonly seed: number },
): string {
  const of = training === undefined ? '' : ` ${training.method} seed ${String(training.seed)}`;
  return `${STAGE_WORDS[stage]}${of}`;
}

const STAGE_WORDS: Readonly<Record<Stage, string>> = {
  index: 'index clips',
  extract: 'extract features',
  publish: 'publish dataset',
  stream: 'read the stream',
  train: 'train',
  evaluate: 'evaluate',
  report: 'write report',
  datasets: 'build datasets',
  cells: 'train and evaluate',
  trials: 'train trials',
  base: 'first model',
  window: 'wait for clips',
  freeze: 'freeze snapshot',
  'fine-tune': 'fine-tune',
  compare: 'compare models',
  decide: 'decide',
};

export type StageState = 'pending' | 'running' | 'done';

export interface StageProgress {
  readonly stage: Stage;
  /** For a person: `train b-mm seed 0`. */
  readonly label: string;
  readonly state: StageState;
  readonly done: number;
  readonly total: number;
  readonly unit: 'clips' | 'steps' | 'samples' | 'items';
  /** `done` taken over from an earlier run or shard: not counted in the rate. */
  readonly reused?: number;
  readonly ratePerS?: number;
  readonly etaS?: number;
  readonly loss?: number;
  readonly epoch?: number;
  readonly epochs?: number;
  /** What a person should know of it. */
  readonly note?: string;
}

export type RunState = 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';

export interface Progress {
  readonly runId: string;
  readonly state: RunState;
  readonly stages: readonly StageProgress[];
  /** Workflow ids of running children, whose own `progress` has more detail. */
  readonly children: readonly string[];
  /** Why it failed or what it waits for. */
  readonly note?: string;
}

/** What a long activity reports of itself, in heartbeats and to its workflow. */
export interface ActivityProgress {
  readonly done: number;
  readonly total: number;
  readonly ratePerS?: number;
  readonly etaS?: number;
  readonly loss?: number;
  readonly epoch?: number;
  readonly epochs?: number;
  readonly note?: string;
}
