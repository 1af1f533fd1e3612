// @ts-check
/** The entry of `loader-thread.ts`. */
import { loadThread } from '../../pipelines/process/load-thread.mjs';

await loadThread(new URL('loader-thread.ts', import.meta.url).href);
