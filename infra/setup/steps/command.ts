/** The command and the stages' processes as JavaScript, a matter of speed alone: without it TypeScript is run. */
import { buildCommand } from '../../command/build-command.ts';
import { bundleChildren } from '../../command/bundle-children.ts';
import { IS_PACKED } from '../../../pipelines/process/packed.mjs';
import { modalmixVersion } from '../../package-version.ts';
import { builtCommand } from '../../command/built-command.mjs';
import type { SetupStep } from '../step.ts';

export const commandStep: SetupStep = {
  name: 'modalmix',
  purpose: 'a quick start of the command',
  check: async () => {
    if (IS_PACKED) return { inPlace: true, version: modalmixVersion(), origin: 'built when it was packed' };
    const entry = builtCommand();
    return entry === undefined
      ? { inPlace: false, problem: 'not built from the sources as they are', fix: 'npm run setup' }
      : { inPlace: true, version: 'built', origin: entry };
  },
  perform: async () => {
    await buildCommand();
    await bundleChildren();
  },
};
