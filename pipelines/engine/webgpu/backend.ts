/**
 * TensorFlow.js's WebGPU backend on Dawn, with what it lacks outside a browser: reading at once. Its own way draws the
 * numbers on a canvas; methods that look at a number in the middle of the gradient tape cannot wait for a promise.
 */
import { createRequire } from 'node:module';
import type * as TensorflowNode from '@tensorflow/tfjs-node';
import { ModalmixError } from '../../../schemas/errors.ts';
import { factsOf, openAdapter, type AdapterFacts, type GpuBuffer, type GpuDevice } from './dawn.ts';
import { registerFilterGradient } from './filter-gradient.ts';
import { mapNow } from './map-now.ts';

const PACKAGE = '@tensorflow/tfjs-backend-webgpu';

/** What the backend asks of a device beyond WebGPU's defaults: as much as there is. */
const LIMITS = [
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupSizeX',
  'maxComputeInvocationsPerWorkgroup',
] as const;

/**
 * Its number for matrix products in tiles. By itself it splits long products between threads that add up in whatever
 * order they end in; a resumed training has to end with an undisturbed one's weights.
 */
const PRODUCT_IN_TILES = 3;

type NumberArray = Float32Array | Int32Array | Uint8Array;

interface TensorData {
  readonly dtype: string;
  /** Absent once they are on the GPU. */
  readonly values: NumberArray | null | undefined;
  readonly resource?: GpuBuffer;
}

/** The part of the package's backend that reading needs. */
interface Backend {
  readonly tensorMap: { get(dataId: object): TensorData };
  readonly bufferManager: {
    acquireBuffer(size: number, usage: number): GpuBuffer;
    releaseBuffer(buffer: GpuBuffer): void;
  };
  commandEncoder: {
    copyBufferToBuffer(from: GpuBuffer, fromAt: number, to: GpuBuffer, toAt: number, size: number): void;
  } | null;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
  readSync(dataId: object): unknown;
  read(dataId: object): Promise<unknown>;
}

interface BackendPackage {
  readonly WebGPUBackend: new (device: GpuDevice, info: object) => Backend;
}

/**
 * Makes it the backend of `tf`.
 *
 * @throws ModalmixError `dependency` when there is no adapter, or one of the two packages is not there
 */
export async function startWebgpu(tf: typeof TensorflowNode): Promise<AdapterFacts> {
  const { gpu, adapter, globals } = await openAdapter();
  const { WebGPUBackend } = requirePackage();
  Object.assign(globalThis, globals);
  // Node has one since version 21, without a GPU.
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]!]));
  const device = await adapter.requestDevice({ requiredLimits });
  const failure = watch(device);
  const backend = new WebGPUBackend(device, adapter.info);
  const { COPY_DST, MAP_READ } = globals.GPUBufferUsage;

  const readSync = (dataId: object): NumberArray => {
    const { dtype, values, resource } = backend.tensorMap.get(dataId);
    if (values !== null && values !== undefined) return values;
    const { size } = resource!;
    const staging = backend.bufferManager.acquireBuffer(size, COPY_DST | MAP_READ);
    backend.ensureCommandEncoderReady();
    backend.endComputePassEncoder();
    backend.commandEncoder!.copyBufferToBuffer(resource!, 0, staging, 0, size);
    backend.submitQueue();
    mapNow(staging, globals.GPUMapMode.READ, failure);
    const bytes = staging.getMappedRange().slice(0);
    staging.unmap();
    backend.bufferManager.releaseBuffer(staging);
    failure();
    return dtype === 'float32' ? new Float32Array(bytes) : new Int32Array(bytes);
  };
  backend.readSync = readSync;
  backend.read = async (dataId) => readSync(dataId);

  tf.env().set('WEBGPU_MATMUL_PROGRAM_TYPE', PRODUCT_IN_TILES);
  tf.registerBackend('webgpu', () => backend as unknown as TensorflowNode.KernelBackend);
  await tf.setBackend('webgpu');
  registerFilterGradient(tf);
  const facts = factsOf(adapter);
  if (facts.isSoftware) {
    process.stderr.write(`warning: WebGPU has no GPU here, the engine cpu is faster: ${facts.name}\n`);
  }
  return facts;
}

/** @returns throws what the device has complained of since; its numbers are worth nothing then */
function watch(device: GpuDevice): () => void {
  let complaint: string | undefined;
  device.addEventListener('uncapturederror', ({ error }) => {
    complaint ??= error.message;
  });
  void device.lost.then(({ reason, message }) => {
    complaint ??= `the device was lost (${reason}): ${message}`;
  });
  return () => {
    if (complaint === undefined) return;
    throw new ModalmixError('dependency', `the GPU failed: ${complaint}`, {
      where: 'WebGPU',
      fix: 'If its memory is too small, lower training.batchSize; else train with training.engine: cpu.',
    });
  };
}

function requirePackage(): BackendPackage {
  try {
    return createRequire(import.meta.url)(PACKAGE) as BackendPackage;
  } catch (error) {
    throw new ModalmixError('dependency', `the package "${PACKAGE}" cannot be loaded`, {
      where: PACKAGE,
      fix: 'Run "npm ci" without --omit=optional.',
      cause: error,
    });
  }
}
