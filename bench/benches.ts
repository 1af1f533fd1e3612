/** Every bench by its name; a new one is a file in `benches/` and a line here. */
import type { Bench } from './harness/bench.ts';

/** Loaded when they are run: some bring TensorFlow with them. */
export const BENCHES = {
  streaming: () => import('./benches/streaming.ts'),
  'stream-latency': () => import('./benches/stream-latency.ts'),
  'stream-answers': () => import('./benches/stream-answers.ts'),
  orchestration: () => import('./benches/orchestration.ts'),
  training: () => import('./benches/training.ts'),
  'training-32': () => import('./benches/training-32.ts'),
  'training-bfloat16': () => import('./benches/training-bfloat16.ts'),
  resume: () => import('./benches/resume.ts'),
  loader: () => import('./benches/loader.ts'),
  extraction: () => import('./benches/extraction.ts'),
  umap: () => import('./benches/umap.ts'),
  serve: () => import('./benches/serve.ts'),
  report: () => import('./benches/report.ts'),
} as const satisfies Readonly<Record<string, () => Promise<{ readonly bench: Bench }>>>;

export type BenchName = keyof typeof BENCHES;
export const BENCH_NAMES = Object.keys(BENCHES) as BenchName[];
