/** `npm run reference`: writes the files that are made from the sources, each as a test expects it. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { referenceFiles } from './reference-files.ts';

for (const [path, text] of await referenceFiles()) {
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  const before = await readFile(file, 'utf8').catch(() => undefined);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  console.log(`${before === text ? 'same   ' : 'written'} ${path}`);
}
