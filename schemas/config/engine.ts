/** What training and evaluation compute on. The report's page reads it too: no Node here. */

/**
 * `auto`: the NVIDIA GPU when there is one, else the CPU. `webgpu`: any GPU with a Vulkan, Metal or Direct3D driver; only
 * when it is asked for.
 */
export const ENGINES = ['auto', 'cpu', 'gpu', 'webgpu'] as const;
export type Engine = (typeof ENGINES)[number];
/** What a training has computed on. */
export const COMPUTING_ENGINES = ['cpu', 'gpu', 'webgpu'] as const;
export type ComputingEngine = (typeof COMPUTING_ENGINES)[number];

/**
 * What computes where nothing is trained (evaluation, prediction, export). WebGPU only trains: its numbers differ from
 * GPU to GPU in their last bits, those of a report should not.
 */
export function judgingEngine(engine: Engine): Exclude<Engine, 'webgpu'> {
  return engine === 'webgpu' ? 'cpu' : engine;
}
