/** The workflows' bundle, made once for each state of their sources: bundling takes seconds, a start should not. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from '@temporalio/worker';
import { IS_PACKED, PACKED_WORKFLOWS } from '../../pipelines/process/packed.mjs';
import { replaceFile } from '../../pipelines/process/replace-file.mjs';
import { packageVersion } from '../package-version.ts';

const WORKFLOWS = fileURLToPath(new URL('../../workflows', import.meta.url));
/** Everything that a workflow may import. */
const SOURCE_FOLDERS = [WORKFLOWS, fileURLToPath(new URL('../../schemas', import.meta.url))];

/**
 * @param cacheFolder where bundles are kept; need not be writable once set-up has made the bundle there
 * @returns the path of a bundle for `Worker.create({ workflowBundle: { codePath } })`
 */
export async function workflowBundle(cacheFolder: string, logger?: Logger): Promise<string> {
  const { file, made } = await keptWorkflowBundle(cacheFolder);
  if (made) return file;
  await mkdir(dirname(file), { recursive: true });
  // With its bundler, which takes a second to load.
  const { bundleWorkflowCode } = await import('@temporalio/worker');
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(WORKFLOWS, 'index.ts'),
    workflowInterceptorModules: ['interceptors.ts', 'trace-interceptors.ts'].map((file) =>
      join(WORKFLOWS, file),
    ),
    failureConverterPath: join(WORKFLOWS, 'failure-converter.ts'),
    ...(logger === undefined ? {} : { logger }),
  });
  await replaceFile(file, code);
  return file;
}

/** Where the bundle of the sources as they are is kept, and whether it is there. */
export async function keptWorkflowBundle(
  cacheFolder: string,
): Promise<{ readonly file: string; readonly made: boolean }> {
  if (IS_PACKED) return { file: PACKED_WORKFLOWS, made: true };
  const file = join(cacheFolder, 'workflow-bundles', `${await hashOfSources()}.js`);
  return { file, made: existsSync(file) };
}

async function hashOfSources(): Promise<string> {
  const hash = createHash('sha256').update(packageVersion('@temporalio/workflow'));
  for (const folder of SOURCE_FOLDERS) {
    const names = await readdir(folder, { recursive: true });
    for (const name of names.filter((entry) => entry.endsWith('.ts')).sort()) {
      hash.update(`\0${name}\0`).update(await readFile(join(folder, name)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}
