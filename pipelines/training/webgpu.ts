/**
 * TensorFlow.js's WebGPU backend on Dawn's binding for Node (npm `webgpu`): GPUs without CUDA. TensorFlow stays loaded
 * beside it, for the few operators that only it has.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type * as TensorflowNode from '@tensorflow/tfjs-node';
import { ModalmixError } from '../../schemas/errors.ts';

interface GpuBuffer {
  readonly size: number;
  readonly mapState: 'unmapped' | 'pending' | 'mapped';
  mapAsync(mode: number): Promise<void>;
  getMappedRange(): ArrayBuffer;
  unmap(): void;
}
interface Adapter {
  readonly info: Readonly<Record<'vendor' | 'architecture' | 'device' | 'description', string>>;
}
interface Dawn {
  create(options: string[]): {
    requestAdapter(options: { powerPreference: 'high-performance' }): Promise<Adapter | null>;
  };
  readonly globals: Readonly<Record<string, unknown>>;
}
/** What of the backend a synchronous read needs. */
interface WebGpuBackend {
  readonly tensorMap: {
    get(id: object): { values?: Values; dtype: 'float32' | 'int32' | 'bool' | 'string'; resource: GpuBuffer };
  };
  readonly bufferManager: {
    acquireBuffer(size: number, usage: number): GpuBuffer;
    releaseBuffer(buffer: GpuBuffer): void;
  };
  readonly commandEncoder: {
    copyBufferToBuffer(from: GpuBuffer, at: number, to: GpuBuffer, place: number, size: number): void;
  };
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
  convertAndCacheOnCPU(id: object, values: Values): Values;
  readSync(id: object): Values;
}
type Values = Float32Array | Int32Array | Uint8Array;

/** WebGPU's constants. */
const MAP_READ = 1;
const COPY_DST = 8;

const require = createRequire(import.meta.url);

/** Where set-up puts Dawn's binding. */
export function dawnPath(): string {
  return join(dirname(require.resolve('@tensorflow/tfjs-backend-webgpu/package.json')), 'dawn.node');
}

/**
 * Makes WebGPU the backend of `tf`, reads included: Dawn's events are handled while a read waits, so that `dataSync` works
 * as on every other backend.
 *
 * @throws ModalmixError `dependency` without Dawn's binding, or without a GPU that it can use
 */
export async function useWebGpu(tf: typeof TensorflowNode): Promise<void> {
  const { adapter, handleEvents } = await openDawn();
  if (adapter === undefined) {
    throw new ModalmixError('dependency', 'WebGPU finds no GPU', {
      where: 'training.engine',
      fix: "Install the GPU's Vulkan driver (Debian: mesa-vulkan-drivers), or leave training.engine out.",
    });
  }
  require('@tensorflow/tfjs-backend-webgpu');
  if (!(await tf.setBackend('webgpu'))) {
    throw new ModalmixError('dependency', `WebGPU does not start on ${describeAdapter(adapter)}`, {
      where: 'training.engine',
      fix: 'Update its driver, or leave training.engine out.',
    });
  }
  const backend = tf.backend() as unknown as WebGpuBackend;
  backend.readSync = (id) => read(backend, id, handleEvents);
  description = describeAdapter(adapter);
}

let description = '';

/** Name of the GPU in use. */
export function webGpuName(): string {
  return description;
}

/** Name of the GPU that WebGPU would use; undefined where there is none. @throws ModalmixError as `useWebGpu` */
export async function findWebGpu(): Promise<string | undefined> {
  const { adapter } = await openDawn();
  return adapter === undefined ? undefined : describeAdapter(adapter);
}

function describeAdapter({ info }: Adapter): string {
  return [info.vendor, info.description || info.device].filter((word) => word !== '').join(' ');
}

async function openDawn(): Promise<{ adapter: Adapter | undefined; handleEvents: () => boolean }> {
  const path = dawnPath();
  if (!existsSync(path)) {
    throw new ModalmixError('dependency', "Dawn's binding for Node is not installed", {
      where: path,
      fix: 'Run "npm run setup -- --for=webgpu".',
    });
  }
  const handleEvents = watchEvents();
  const { create, globals } = require(path) as Dawn;
  Object.assign(globalThis, globals);
  const gpu = create([]);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'node' }, configurable: true });
  return {
    adapter: (await gpu.requestAdapter({ powerPreference: 'high-performance' })) ?? undefined,
    handleEvents,
  };
}

/**
 * Dawn looks after its events in a `setImmediate`, which a thread that waits never reaches. Noted when they are asked
 * for, they can be called at once.
 *
 * @returns what handles the events that wait, and says whether there were any
 */
function watchEvents(): () => boolean {
  const original = globalThis.setImmediate;
  const waiting = new Set<() => void>();
  const noting = (callback: (...args: unknown[]) => void, ...args: unknown[]) => {
    const run = () => {
      if (waiting.delete(run)) callback(...args);
    };
    waiting.add(run);
    return original(run);
  };
  // Only while Dawn asks: its callbacks have no name and no source.
  globalThis.setImmediate = Object.assign(
    (callback: (...args: unknown[]) => void, ...args: unknown[]) =>
      callback.name === '' && Function.prototype.toString.call(callback).includes('[native code]')
        ? noting(callback, ...args)
        : original(callback, ...args),
    original,
  ) as typeof setImmediate;
  return () => {
    const now = [...waiting];
    for (const run of now) run();
    return now.length > 0;
  };
}

function read(backend: WebGpuBackend, id: object, handleEvents: () => boolean): Values {
  const { values, dtype, resource } = backend.tensorMap.get(id);
  if (values !== undefined || dtype === 'string') return values!;
  const { size } = resource;
  const staging = backend.bufferManager.acquireBuffer(size, COPY_DST | MAP_READ);
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  backend.commandEncoder.copyBufferToBuffer(resource, 0, staging, 0, size);
  backend.submitQueue();
  let failure: unknown;
  staging.mapAsync(MAP_READ).catch((error: unknown) => {
    failure = error;
  });
  while (staging.mapState === 'pending' && handleEvents());
  if (staging.mapState !== 'mapped') {
    throw new ModalmixError('transient', 'the GPU gave no answer', { where: 'WebGPU', cause: failure });
  }
  const bytes = staging.getMappedRange().slice(0);
  staging.unmap();
  backend.bufferManager.releaseBuffer(staging);
  return backend.convertAndCacheOnCPU(id, valuesOf(bytes, dtype));
}

function valuesOf(bytes: ArrayBuffer, dtype: 'float32' | 'int32' | 'bool'): Values {
  if (dtype === 'float32') return new Float32Array(bytes);
  const words = new Int32Array(bytes);
  return dtype === 'int32' ? words : Uint8Array.from(words);
}
