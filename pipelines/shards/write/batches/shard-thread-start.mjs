// @ts-check
/** The thread's entry: see `ShardThread`. */
import { loadThread } from '../../../process/load-thread.mjs';

await loadThread(new URL('shard-thread-main.ts', import.meta.url).href);
