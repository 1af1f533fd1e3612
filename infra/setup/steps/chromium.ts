/** Chromium, in which the tests open the report. */
import { execa } from 'execa';
import { findProgram } from '../../../pipelines/process/find-program.ts';
import { aptCommand, aptInstall, aptPlan } from '../programs.ts';
import type { Finding, SetupContext, SetupStep } from '../step.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const PACKAGES = ['chromium'];

export const chromiumStep: SetupStep = {
  name: 'Chromium',
  purpose: 'tests of the report',
  check,
  perform: async (context: SetupContext) => {
    await aptInstall(PACKAGES, context);
  },
};

async function check(): Promise<Finding> {
  const path = findProgram(...NAMES);
  if (path === undefined)
    return {
      inPlace: false,
      problem: `none of ${NAMES.join(', ')} is on PATH`,
      fix: aptCommand(PACKAGES),
      plan: aptPlan(PACKAGES),
    };
  return { inPlace: true, version: 'on PATH', origin: path };
}

/** The browser's own word; it takes a while. */
export async function chromiumVersion(path: string): Promise<string> {
  const { stdout } = await execa(path, ['--version'], { reject: false, stdin: 'ignore' });
  return /[\d.]{5,}/.exec(stdout)?.[0] ?? 'unknown';
}
