/** Our own operators for the CPU (`../native/`), compiled by set-up and registered with TensorFlow when first asked for. */
import { existsSync } from 'node:fs';
import { backend, webgpu } from '../tensorflow.ts';
import { isOfTheseSources, nativeLibraryPath } from './native-sources.ts';

let loaded: boolean | undefined;

/** Whether the operators `Modalmix…` can be run. Where they should be and cannot, the standard error says why. */
export function nativeKernels(): boolean {
  loaded ??= load();
  return loaded;
}

function load(): boolean {
  const path = nativeLibraryPath();
  if (webgpu !== undefined || backend.isUsingGpuDevice || !existsSync(path)) return false;
  if (!isOfTheseSources()) return failed('they are compiled from other sources than those of this version');
  try {
    process.dlopen({ exports: {} }, path);
    return true;
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}

function failed(reason: string): false {
  process.stderr.write(
    `warning: training goes on without its own kernels, slower: ${reason}; run "npm run setup"\n`,
  );
  return false;
}
