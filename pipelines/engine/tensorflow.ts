/**
 * The one place that loads TensorFlow, and with the engine `webgpu` another backend beside it. Import it only in
 * processes that compute: it takes a second, and a running kernel blocks the thread. Thread counts come from the
 * environment (`tensorflow-child.ts`).
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import util from 'node:util';
import type * as TensorflowNode from '@tensorflow/tfjs-node';
import { engineOfEnvironment } from '../../schemas/config/asked-engine.ts';
import type { ComputingEngine } from '../../schemas/config/engine.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import { describeGpu, nvidiaGpus } from '../process/nvidia-gpus.ts';
import type { AdapterFacts } from './webgpu/dawn.ts';

export type Tensor = TensorflowNode.Tensor;
export type Tensor1D = TensorflowNode.Tensor1D;
export type Tensor2D = TensorflowNode.Tensor2D;
export type Tensor4D = TensorflowNode.Tensor4D;
export type Scalar = TensorflowNode.Scalar;
export type Variable = TensorflowNode.Variable;

export const tf = load();

/** The GPU that computes by WebGPU; undefined: TensorFlow computes, and its own operators can be run (`execute`). */
export const webgpu: AdapterFacts | undefined =
  engineOfEnvironment(process.env) === 'webgpu'
    ? await (await import('./webgpu/backend.ts')).startWebgpu(tf)
    : undefined;

/** Does what only TensorFlow itself can, whatever computes; `work` must be done when it returns. */
export function withTensorflow<T>(work: () => T): T {
  if (webgpu === undefined) return work();
  // Backends that have been started change at once; the promise is for those that have not.
  void tf.setBackend('tensorflow');
  try {
    return work();
  } finally {
    void tf.setBackend('webgpu');
  }
}

function load(): typeof TensorflowNode {
  // tfjs-node 4.22 calls helpers of `util` that Node 23 removed.
  const removed = {
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
    isArray: Array.isArray,
  };
  for (const [name, helper] of Object.entries(removed)) {
    if (!(name in util)) Object.assign(util, { [name]: helper });
  }
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  // By itself TensorFlow uses oneDNN's kernels only on processors with instructions for neural networks; they
  // are the faster ones without these too.
  process.env['TF_ENABLE_ONEDNN_OPTS'] ??= '1';
  const asked = engineOfEnvironment(process.env);
  if (asked === 'cpu' || asked === 'webgpu') process.env['CUDA_VISIBLE_DEVICES'] = '-1';
  else prepareForGpu();
  const module = requireTensorflow();
  if (module.getBackend() !== 'tensorflow') {
    throw new ModalmixError('dependency', `TensorFlow's backend is "${module.getBackend()}"`, {
      fix: 'Run "modalmix doctor"; "npm run setup" puts the native library in place.',
    });
  }
  if (asked === 'gpu' && !(module.backend() as unknown as NodeBackend).isUsingGpuDevice) {
    throw new ModalmixError('dependency', 'a GPU is asked for, but TensorFlow has found none', {
      where: `environment variable ${ENVIRONMENT.engine}`,
      fix: 'Run "modalmix doctor"; or leave the variable out to compute on the CPU.',
    });
  }
  module.enableProdMode();
  return module;
}

/** Read by TensorFlow when it finds a GPU; what the user has set stays. */
function prepareForGpu(): void {
  // By itself the first process takes the whole GPU's memory, and an evaluation beside a training finds none.
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  // A resumed training ends with an undisturbed one's weights only if kernels add up in the same order each time.
  if (existsSync('/dev/nvidiactl') || existsSync('/dev/dxg')) process.env['TF_DETERMINISTIC_OPS'] ??= '1';
}

function requireTensorflow(): typeof TensorflowNode {
  try {
    return createRequire(import.meta.url)('@tensorflow/tfjs-node') as typeof TensorflowNode;
  } catch (error) {
    throw new ModalmixError('dependency', 'TensorFlow cannot be loaded', {
      where: '@tensorflow/tfjs-node',
      fix: 'Run "npm run setup", then "modalmix doctor".',
      cause: error,
    });
  }
}

export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: boolean | number | object | string | number[];
}

interface OutputInfo {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

/** The part of tfjs-node's backend that reaches TensorFlow's own operators. */
interface NodeBackend {
  readonly binding: {
    readonly TF_Version: string;
    readonly TF_FLOAT: number;
    readonly TF_INT32: number;
    readonly TF_ATTR_TYPE: number;
    readonly TF_ATTR_INT: number;
    readonly TF_ATTR_FLOAT: number;
    readonly TF_ATTR_BOOL: number;
    readonly TF_ATTR_STRING: number;
    executeOp(name: string, attrs: OpAttribute[], inputs: number[], outputs: number): OutputInfo[];
    createTensor(shape: number[], dtype: number, values: Int32Array | Float32Array): number;
    deleteTensor(id: number): void;
  };
  readonly isUsingGpuDevice: boolean;
  executeMultipleOutputs(name: string, attrs: OpAttribute[], inputs: Tensor[], outputs: number): Tensor[];
  createOutputTensor(info: OutputInfo): Tensor;
  getInputTensorIds(tensors: Tensor[]): number[];
  getNumOfTFTensors(): number;
}

/** TensorFlow's; with the engine `webgpu` not the one that computes. */
export const backend = tf.findBackend('tensorflow') as unknown as NodeBackend;

/** Attributes of a TensorFlow operator, by kind. */
export const attribute = {
  float32: (name: string): OpAttribute => ({
    name,
    type: backend.binding.TF_ATTR_TYPE,
    value: backend.binding.TF_FLOAT,
  }),
  int32: (name: string): OpAttribute => ({
    name,
    type: backend.binding.TF_ATTR_TYPE,
    value: backend.binding.TF_INT32,
  }),
  int: (name: string, value: number): OpAttribute => ({
    name,
    type: backend.binding.TF_ATTR_INT,
    value,
  }),
  ints: (name: string, value: number[]): OpAttribute => ({
    name,
    type: backend.binding.TF_ATTR_INT,
    value,
  }),
  float: (name: string, value: number): OpAttribute => ({
    name,
    type: backend.binding.TF_ATTR_FLOAT,
    value,
  }),
  bool: (name: string, value: boolean): OpAttribute => ({
    name,
    type: backend.binding.TF_ATTR_BOOL,
    value,
  }),
  string: (name: string, value: string): OpAttribute => ({
    name,
    type: backend.binding.TF_ATTR_STRING,
    value,
  }),
} as const;

/** Runs one TensorFlow operator eagerly; the outputs belong to the tidy around the call. */
export function execute(name: string, attributes: OpAttribute[], inputs: Tensor[], outputs = 1): Tensor[] {
  return backend.executeMultipleOutputs(name, attributes, inputs, outputs);
}

/** The first output of `execute`. */
export function executeOne(name: string, attributes: OpAttribute[], inputs: Tensor[]): Tensor {
  return execute(name, attributes, inputs, 1)[0]!;
}

export interface TensorflowFacts {
  readonly tfjs: string;
  readonly tensorflow: string;
  readonly engine: ComputingEngine;
  /** Name of the GPU, or of the processor. */
  readonly device: string;
}

/** Versions and device, for results and `modalmix doctor`. */
export async function tensorflowFacts(): Promise<TensorflowFacts> {
  const engine = webgpu !== undefined ? 'webgpu' : backend.isUsingGpuDevice ? 'gpu' : 'cpu';
  return {
    tfjs: tf.version['tfjs-node'],
    tensorflow: backend.binding.TF_Version,
    engine,
    device: webgpu?.name ?? (engine === 'gpu' ? await gpuName() : (cpus()[0]?.model.trim() ?? process.arch)),
  };
}

/** TensorFlow takes the first that it may use. */
async function gpuName(): Promise<string> {
  const [first] = (process.env['CUDA_VISIBLE_DEVICES'] ?? '').split(',');
  const gpus = await nvidiaGpus();
  const gpu = gpus[/^\d+$/u.test(first ?? '') ? Number(first) : 0];
  return gpu === undefined ? 'NVIDIA GPU' : describeGpu(gpu);
}
