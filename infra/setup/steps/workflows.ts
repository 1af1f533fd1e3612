/** The workflows' bundle: a worker that may not write to the cache, as in an image, has to find it there. */
import { cacheFolder } from '../../folders.ts';
import { keptWorkflowBundle, workflowBundle } from '../../workers/workflow-bundle.ts';
import type { SetupStep } from '../step.ts';

export const workflowsStep: SetupStep = {
  name: 'workflows',
  purpose: 'a quick start of the workers',
  check: async () => {
    const { file, made } = await keptWorkflowBundle(cacheFolder());
    return made
      ? { inPlace: true, version: 'bundled', origin: file }
      : { inPlace: false, problem: 'not bundled from the sources as they are', fix: 'npm run setup' };
  },
  perform: async () => {
    const { DefaultLogger } = await import('@temporalio/worker');
    await workflowBundle(cacheFolder(), new DefaultLogger('ERROR'));
  },
};
