#!/usr/bin/env node
// @ts-check
/** The command `modalmix`: as set-up has built it, else its TypeScript as it is. */
import { pathToFileURL } from 'node:url';
import { builtCommand } from '../infra/command/built-command.mjs';

const built = builtCommand();
if (built === undefined) {
  const { register } = await import('tsx/esm/api');
  register();
}
await import(built === undefined ? './main.ts' : pathToFileURL(built).href);
