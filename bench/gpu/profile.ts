/** What each shader of a step takes: every program is waited for before the next one begins. */
import { tf } from '../../pipelines/engine/tensorflow.ts';

export interface ShaderTime {
  readonly shader: string;
  readonly ms: number;
  readonly calls: number;
}

interface Program {
  readonly shaderKey: string;
  readonly constructor: { readonly name: string };
}

interface Backend {
  runWebGPUProgram(program: Program, ...rest: unknown[]): unknown;
  readSync(dataId: object): unknown;
}

/** @returns the longest first; what waiting itself takes is taken off */
export function profile(step: () => unknown): ShaderTime[] {
  const backend = tf.backend() as unknown as Backend;
  // Lies on the GPU: reading it waits for all that was asked before.
  const one = tf.add(tf.scalar(1), tf.scalar(1));
  const wait = () => backend.readSync(one.dataId);
  const idle = Array.from({ length: 20 }, () => timed(wait)).sort((a, b) => a - b)[10]!;
  const spent = new Map<string, { ms: number; calls: number }>();
  const run = backend.runWebGPUProgram.bind(backend);
  backend.runWebGPUProgram = (program, ...rest) => {
    // Ours are plain objects; the backend adds shapes and types behind the key.
    const ours = program.shaderKey;
    const shader = program.constructor.name === 'Object' ? ours : program.constructor.name;
    let result: unknown;
    const ms = timed(() => {
      result = run(program, ...rest);
      wait();
    });
    const before = spent.get(shader) ?? { ms: 0, calls: 0 };
    spent.set(shader, { ms: before.ms + Math.max(0, ms - idle), calls: before.calls + 1 });
    return result;
  };
  try {
    step();
  } finally {
    backend.runWebGPUProgram = run;
  }
  return [...spent].map(([shader, sum]) => ({ shader, ...sum })).sort((a, b) => b.ms - a.ms);
}

function timed(work: () => unknown): number {
  const startedMs = performance.now();
  work();
  return performance.now() - startedMs;
}
