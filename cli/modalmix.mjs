#!/usr/bin/env node
// @ts-check
/** The command `modalmix`: TypeScript as it is, no build step. */
import { register } from 'tsx/esm/api';

register();
await import('./main.ts');
