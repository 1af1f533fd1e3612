/**
 * The library that holds large tensors (`tensor-memory.cc`), put before the C library in processes that train. It changes
 * where numbers lie, not what they are.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Where set-up puts it, on Linux. */
export const TENSOR_MEMORY_PATH = fileURLToPath(
  new URL('../../../node_modules/.cache/modalmix/native/tensor_memory.so', import.meta.url),
);

/**
 * What a process is started with to use it; nothing where it is not compiled, or something else stands before the C
 * library.
 */
export function tensorMemoryEnvironment(path = TENSOR_MEMORY_PATH): Record<string, string> {
  const { LD_PRELOAD: preloaded = '', TF_ONEDNN_USE_SYSTEM_ALLOCATOR: allocator = '1' } = process.env;
  if (!existsSync(path) || (preloaded !== '' && preloaded !== path)) return {};
  return { LD_PRELOAD: path, TF_ONEDNN_USE_SYSTEM_ALLOCATOR: allocator };
}
