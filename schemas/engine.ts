/** What training and evaluation compute on. */
import { ModalmixError } from './errors.ts';
import { ENVIRONMENT } from './names.ts';

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
 * What the environment asks for (`MODALMIX_ENGINE`); unset: `auto`.
 *
 * @throws ModalmixError `config` when it is none of the engines
 */
export function engineOfEnvironment(environment: Readonly<NodeJS.ProcessEnv>): Engine {
  const named = environment[ENVIRONMENT.engine] ?? '';
  return named === '' ? 'auto' : parseEngine(named, `environment variable ${ENVIRONMENT.engine}`);
}

/** @throws ModalmixError `config` when it is none of the engines */
export function parseEngine(named: string, where: string): Engine {
  const engine = ENGINES.find((name) => name === named);
  if (engine !== undefined) return engine;
  throw new ModalmixError('config', `"${named}" is none of ${ENGINES.join(', ')}`, { where });
}

/**
 * What computes where nothing is trained (evaluation, prediction, export). WebGPU only trains: its numbers differ from
 * GPU to GPU in their last bits, those of a report should not.
 */
export function judgingEngine(engine: Engine): Exclude<Engine, 'webgpu'> {
  return engine === 'webgpu' ? 'cpu' : engine;
}
