/** Our own operators for the CPU (`../native/`), compiled by set-up and registered with TensorFlow when first asked for. */
import { existsSync } from 'node:fs';
import { backend, webgpu } from '../tensorflow.ts';
import { LANES, nativeLibraryPath, nativeStampPath, whyNotUsable, type Lanes } from './native-sources.ts';

let loaded: boolean | undefined;
let chosen: Lanes | undefined;

/** For tests and benches, before the operators are first asked for: the build to load instead of the fastest. */
export function chooseLanes(lanes: Lanes): void {
  chosen = lanes;
}

/** Whether the operators `Modalmix…` can be run. Where they should be and cannot, the standard error says why. */
export function nativeKernels(): boolean {
  loaded ??= load();
  return loaded;
}

function load(): boolean {
  if (webgpu !== undefined || backend.isUsingGpuDevice) return false;
  const builds = LANES.filter(
    (lanes) => (chosen ?? lanes) === lanes && existsSync(nativeLibraryPath(lanes)),
  ).map((lanes) => ({ lanes, reason: whyNotUsable(nativeStampPath(lanes)) }));
  const usable = builds.find(({ reason }) => reason === undefined);
  if (usable === undefined) return builds.length > 0 && failed(builds.at(-1)!.reason!);
  try {
    process.dlopen({ exports: {} }, nativeLibraryPath(usable.lanes));
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
