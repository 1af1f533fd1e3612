/** The workflows' bundle, made once for each state of their sources: bundling takes seconds, a start should not. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type Logger } from '@temporalio/worker';
import { z } from 'zod';

const WORKFLOWS = fileURLToPath(new URL('../workflows', import.meta.url));
/** Everything that a workflow may import. */
const SOURCE_FOLDERS = [WORKFLOWS, fileURLToPath(new URL('../schemas', import.meta.url))];

/**
 * @param cacheFolder where bundles are kept
 * @returns the path of a bundle for `Worker.create({ workflowBundle: { codePath } })`
 */
export async function workflowBundle(cacheFolder: string, logger?: Logger): Promise<string> {
  const folder = join(cacheFolder, 'workflow-bundles');
  const file = join(folder, `${await hashOfSources()}.js`);
  try {
    await readFile(file, { flag: 'r' });
    return file;
  } catch {
    await mkdir(folder, { recursive: true });
  }
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(WORKFLOWS, 'index.ts'),
    ...(logger === undefined ? {} : { logger }),
  });
  const temporary = `${file}.${String(process.pid)}`;
  await writeFile(temporary, code);
  await rename(temporary, file);
  return file;
}

async function hashOfSources(): Promise<string> {
  const hash = createHash('sha256').update(await sdkVersion());
  for (const folder of SOURCE_FOLDERS) {
    for (const name of (await readdir(folder)).filter((entry) => entry.endsWith('.ts')).sort()) {
      hash.update(`\0${name}\0`).update(await readFile(join(folder, name)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}

async function sdkVersion(): Promise<string> {
  const file = createRequire(import.meta.url).resolve('@temporalio/workflow/package.json');
  return z.object({ version: z.string() }).parse(JSON.parse(await readFile(file, 'utf8'))).version;
}
