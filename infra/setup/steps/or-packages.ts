/** Programs and files of the system that npm packages stand in for, where they are missing. */
import { ENVIRONMENT } from '../../../schemas/names.ts';
import type { SetupStep } from '../step.ts';

/**
 * The step, but for machines that miss its part: it is installed only with `--system-packages`, or where the
 * environment asks for what nothing else does.
 * @param instead what does the work without it
 */
export function orPackages(step: SetupStep, instead: string): SetupStep {
  return {
    ...step,
    check: async (context) => {
      const finding = await step.check(context);
      const isAsked = context.systemPackages === true || (step.name === 'ffmpeg' && wantsFfmpeg());
      if (finding.inPlace || isAsked) return finding;
      return {
        ...{ inPlace: true, version: 'not there', origin: 'npm packages' },
        detail: `${instead} instead`,
      };
    },
  };
}

function wantsFfmpeg(): boolean {
  return process.env[ENVIRONMENT.extractor] === 'ffmpeg';
}
