/** Dawn's binding for Node (npm `webgpu`), with which training reaches GPUs by WebGPU: one file of a package of 51 MB. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { dawnPath } from '../../../pipelines/training/webgpu.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { cacheFolder } from '../../folders.ts';
import { runProgram } from '../programs.ts';
import type { Finding, SetupContext, SetupStep } from '../step.ts';

const VERSION = '0.6.2';
/** Of the package's archive, as in npm's lock files. */
const INTEGRITY =
  'sha512-3L4GfmqJLvYUIEWJngEQY+2HQiUlAFkg8+P8NDDj3Xx5hHHIFO/r8JW+ynfqBj7kHN4mbnwO74uB+lrRtLhp4Q==';
const FIX = 'Check the network and npm\'s settings, then run "npm run setup -- --for=webgpu" again.';

export const webGpuStep: SetupStep = {
  name: 'WebGPU',
  purpose: 'training.engine: webgpu',
  check: () => Promise.resolve(check()),
  perform,
};

function check(): Finding {
  const kept = cached();
  if (!existsSync(dawnPath()) || !existsSync(kept) || !sameBytes(dawnPath(), kept)) {
    const problem = "Dawn's binding for Node is not there";
    return { inPlace: false, problem, fix: 'npm run setup -- --for=webgpu' };
  }
  return { inPlace: true, version: VERSION, origin: dawnPath() };
}

async function perform(context: SetupContext): Promise<void> {
  if (!existsSync(cached())) await fetchBinding(context);
  const temporary = `${dawnPath()}.${String(process.pid)}.tmp`;
  await copyFile(cached(), temporary);
  await rename(temporary, dawnPath());
}

async function fetchBinding(context: SetupContext): Promise<void> {
  await mkdir(cacheFolder(), { recursive: true });
  const temporary = await mkdtemp(join(cacheFolder(), '.webgpu-'));
  try {
    context.say(`fetching webgpu ${VERSION}`);
    const name = `webgpu@${VERSION}`;
    await runProgram('npm', ['pack', name, '--silent', '--pack-destination', temporary], { fix: FIX });
    const archive = join(temporary, `webgpu-${VERSION}.tgz`);
    const found = `sha512-${createHash('sha512')
      .update(await readFile(archive))
      .digest('base64')}`;
    if (found !== INTEGRITY) {
      throw new ModalmixError('dependency', `${name} is not the package it should be: ${found}`, {
        where: archive,
        fix: FIX,
      });
    }
    const member = `package/dist/${process.platform}-${process.arch}/dawn.node`;
    await runProgram('tar', ['-xzf', archive, '-C', temporary, member], { fix: FIX });
    await rename(join(temporary, member), cached());
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function cached(): string {
  return join(cacheFolder(), `dawn-${VERSION}-${process.platform}-${process.arch}.node`);
}

function sameBytes(a: string, b: string): boolean {
  const hash = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
  return hash(a) === hash(b);
}
