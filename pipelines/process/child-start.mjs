// @ts-check
/** The entry of a process that runs a bundle: `node child-start.mjs <bundle>`. */
import { pathToFileURL } from 'node:url';
import { nameSources } from './source-stacks.mjs';

const bundle = process.argv[2] ?? '';
nameSources(bundle);
await import(pathToFileURL(bundle).href);
