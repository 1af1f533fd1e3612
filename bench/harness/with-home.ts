/** Embedded servers of a bench's own, whatever else runs on the machine. */
import { ENVIRONMENT } from '../../schemas/names.ts';

/** @param folder where servers that `work` starts keep their state */
export async function withHome<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const before = process.env[ENVIRONMENT.home];
  process.env[ENVIRONMENT.home] = folder;
  try {
    return await work();
  } finally {
    if (before === undefined) Reflect.deleteProperty(process.env, ENVIRONMENT.home);
    else process.env[ENVIRONMENT.home] = before;
  }
}
