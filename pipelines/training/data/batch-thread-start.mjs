// @ts-check
/** The thread's entry: see `BatchThread`. */
import { loadThread } from '../../process/load-thread.mjs';

await loadThread(new URL('batch-thread-main.ts', import.meta.url).href);
