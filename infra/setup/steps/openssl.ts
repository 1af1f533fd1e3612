/** The `openssl` command, which makes the certificates of the brokers that tests talk TLS with. */
import { findProgram } from '../../../pipelines/process/find-program.ts';
import { aptInstall, aptPlan } from '../programs.ts';
import type { SetupStep } from '../step.ts';

const PACKAGES = ['openssl'] as const;

export const opensslStep: SetupStep = {
  name: 'OpenSSL',
  purpose: 'certificates of test brokers',
  check: async () => {
    const program = findProgram('openssl');
    return program === undefined
      ? {
          inPlace: false,
          problem: 'openssl is not on PATH',
          fix: 'npm run setup -- --for=test',
          plan: aptPlan(PACKAGES),
        }
      : { inPlace: true, version: 'on PATH', origin: program };
  },
  perform: async (context) => {
    await aptInstall(PACKAGES, context);
  },
};
