/** versitygw, an S3 server over a folder: what the tests of S3 stores work with, built from its Go module. */
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isExecutable } from '../../../pipelines/process/find-program.ts';
import { cacheFolder } from '../../folders.ts';
import { buildWithGo, goPlan, requireGo } from '../go.ts';
import type { Finding, SetupContext, SetupStep } from '../step.ts';

const VERSION = '1.8.0';
export const S3_SERVER_MODULE = `github.com/versity/versitygw/cmd/versitygw@v${VERSION}`;
const INSTALL_BY_HAND = 'leave the tests of S3 stores out';

export const s3ServerStep: SetupStep = {
  name: 'S3 server',
  purpose: 'the tests of S3 stores',
  check: async () => await Promise.resolve(check()),
  perform,
};

/** Path of the program, whether it is there or not. */
export function s3ServerProgram(): string {
  return join(folder(), process.platform === 'win32' ? 'versitygw.exe' : 'versitygw');
}

function folder(): string {
  return join(cacheFolder(), `versitygw-${VERSION}`);
}

function check(): Finding {
  const program = s3ServerProgram();
  if (isExecutable(program)) return { inPlace: true, version: `versitygw ${VERSION}`, origin: program };
  return {
    ...{ inPlace: false, problem: 'versitygw is not in the cache', fix: 'npm run setup -- --for=test' },
    plan: goPlan(`versitygw ${VERSION}`),
  };
}

async function perform(context: SetupContext): Promise<void> {
  const go = await requireGo('versitygw', INSTALL_BY_HAND, context);
  await mkdir(cacheFolder(), { recursive: true });
  const temporary = await mkdtemp(join(cacheFolder(), '.versitygw-'));
  try {
    context.say(`building versitygw ${VERSION} with Go: about 2 minutes, once`);
    await buildWithGo(
      go,
      S3_SERVER_MODULE,
      temporary,
      `Check the network and "go env GOPROXY", or ${INSTALL_BY_HAND}.`,
    );
    await rm(folder(), { recursive: true, force: true });
    await rename(temporary, folder());
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
