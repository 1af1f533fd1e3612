/** How a TypeScript module is started as a process of its own: quickly, from its bundle, where one can be made. */
import { fileURLToPath } from 'node:url';
import { sourceBundle, tellUnbundled } from './source-bundle.mjs';

/** For `fork`, in its order. The last argument names the module in a list of processes. */
export type ChildProgram = readonly [module: string, args: string[], options: { execArgv: string[] }];

/** @param entry URL of a TypeScript module; errors' stacks name its sources, whatever is started */
export async function childProgram(entry: URL): Promise<ChildProgram> {
  const path = fileURLToPath(entry);
  const bundle = await sourceBundle(entry.href);
  if ('path' in bundle) {
    const start = fileURLToPath(new URL('./child-start.mjs', import.meta.url));
    return [start, [bundle.path, path], { execArgv: [] }];
  }
  tellUnbundled(entry.href, bundle.problem);
  return [path, [path], { execArgv: ['--import', import.meta.resolve('tsx')] }];
}
