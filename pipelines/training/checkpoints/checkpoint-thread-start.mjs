// @ts-check
/** The thread's entry: see `CheckpointSender`. */
import { loadThread } from '../../process/load-thread.mjs';

await loadThread(new URL('checkpoint-thread-main.ts', import.meta.url).href);
