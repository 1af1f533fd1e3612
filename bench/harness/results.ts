/** Results as files: one a bench in the folder of its machine, so that a bench replaces only its own. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { figureSchema } from './figure.ts';
import { machineSchema } from './machine.ts';

export const RESULTS_FOLDER = fileURLToPath(new URL('../results', import.meta.url));

export const benchResultSchema = z.strictObject({
  bench: z.string(),
  title: z.string(),
  method: z.string(),
  /** Day, UTC. */
  date: z.iso.date(),
  rounds: z.number(),
  machine: machineSchema,
  figures: z.array(figureSchema),
});
export type BenchResult = z.infer<typeof benchResultSchema>;

export interface MachineResults {
  readonly name: string;
  readonly results: readonly BenchResult[];
}

export async function writeResult(machineName: string, result: BenchResult): Promise<void> {
  const folder = join(RESULTS_FOLDER, machineName);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${result.bench}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
}

/** All machines' results, by name; a machine's benches in the order of `order`, unknown ones last. */
export async function readResults(order: readonly string[]): Promise<MachineResults[]> {
  if (!existsSync(RESULTS_FOLDER)) return [];
  const entries = await readdir(RESULTS_FOLDER, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const place = ({ bench }: BenchResult) => (order.includes(bench) ? order.indexOf(bench) : order.length);
  return await Promise.all(
    names.sort().map(async (name) => {
      const folder = join(RESULTS_FOLDER, name);
      const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).sort();
      const results = await Promise.all(
        files.map(async (file) =>
          benchResultSchema.parse(JSON.parse(await readFile(join(folder, file), 'utf8'))),
        ),
      );
      return { name, results: results.sort((a, b) => place(a) - place(b)) };
    }),
  );
}
