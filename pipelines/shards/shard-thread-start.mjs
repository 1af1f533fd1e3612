// @ts-check
/** Lets a thread load TypeScript: unlike a process, it is not helped by `--import tsx`. */
import { tsImport } from 'tsx/esm/api';

await tsImport('./shard-thread-main.ts', import.meta.url);
