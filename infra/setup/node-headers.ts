/** The headers of the Node that runs, V8's among them, for addons that Node-API is not enough for. */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../folders.ts';
import { runProgram } from './programs.ts';
import type { SetupContext } from './step.ts';

const VERSION_PARTS = ['MAJOR', 'MINOR', 'PATCH'] as const;

/**
 * Beside Node, as its archives and most systems' packages have them; else from the npm package of the same
 * Node, so that whoever reaches a registry needs no other host.
 * @returns a folder with `include/node`, for node-gyp's `nodedir`
 * @throws ModalmixError `dependency` when they cannot be had
 */
export async function findNodeHeaders(
  context: SetupContext,
  besideNode = dirname(dirname(realpathSync(process.execPath))),
): Promise<string> {
  const named = process.env['npm_config_nodedir'];
  for (const folder of [besideNode, ...(named === undefined || named === '' ? [] : [named])]) {
    if (hasHeaders(folder)) return folder;
  }
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const cached = join(cacheFolder(), `node-headers-${process.versions.node}-${platform}-${process.arch}`);
  if (hasHeaders(cached)) return cached;
  context.say(`fetching the headers of Node ${process.version}: 43 MB, once`);
  await fetchHeaders(`node-${platform}-${process.arch}@${process.versions.node}`, cached);
  return cached;
}

/** Whether the folder has headers of exactly this Node. */
function hasHeaders(folder: string): boolean {
  const file = join(folder, 'include', 'node', 'node_version.h');
  if (!existsSync(file) || !existsSync(join(dirname(file), 'v8.h'))) return false;
  const text = readFileSync(file, 'utf8');
  const found = VERSION_PARTS.map(
    (part) => new RegExp(`#define NODE_${part}_VERSION (\\d+)`, 'u').exec(text)?.[1],
  );
  return found.join('.') === process.versions.node;
}

async function fetchHeaders(name: string, folder: string): Promise<void> {
  const fix = `Install Node from an archive of nodejs.org or with nvm, both of which bring its headers, or set "npm_config_nodedir" to a folder that has them in include/node.`;
  await mkdir(cacheFolder(), { recursive: true });
  const temporary = await mkdtemp(join(cacheFolder(), '.node-headers-'));
  try {
    await runProgram('npm', ['pack', name, '--silent', '--pack-destination', temporary], { fix });
    const archive = (await readdir(temporary)).find((file) => file.endsWith('.tgz')) ?? '';
    const content = join(temporary, 'content');
    await mkdir(content);
    const strip = ['--strip-components=1', 'package/include'];
    await runProgram('tar', ['-xzf', join(temporary, archive), '-C', content, ...strip], { fix });
    await rm(folder, { recursive: true, force: true });
    await rename(content, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
