/** Our own operators for the CPU (`../native/`), compiled by set-up and registered with TensorFlow when first asked for. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { backend } from '../tensorflow.ts';

let loaded: boolean | undefined;

/** Whether the operators `Modalmix…` can be run. */
export function nativeKernels(): boolean {
  loaded ??= load();
  return loaded;
}

/** Where set-up puts the library: it belongs to the very TensorFlow that it is linked with. */
export function nativeLibraryPath(): string {
  const root = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node/package.json'));
  return join(root, 'lib', 'napi-v8', 'modalmix_kernels.node');
}

function load(): boolean {
  const path = nativeLibraryPath();
  if (backend.isUsingGpuDevice || !existsSync(path)) return false;
  try {
    process.dlopen({ exports: {} }, path);
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.stderr.write(`training goes on without its own kernels, slower: ${reason}\n`);
    return false;
  }
}
