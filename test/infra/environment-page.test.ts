import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ENVIRONMENT } from '../../schemas/names.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDERS = ['schemas', 'pipelines', 'activities', 'workflows', 'infra', 'runs', 'ui', 'cli'];

/** How the sources read a variable by its name; `ENVIRONMENT` has the others. */
const READS = [
  /\b(?:process\.env|environment|env)(?:\.|\[')(?<name>[A-Z][A-Z0-9_]+|npm_config_\w+)\b/gu,
  /\bgiven\('(?<name>[A-Z][A-Z0-9_]+)'\)/gu,
  /\b(?<name>[A-Z][A-Z0-9_]+): \w+ = '[^']*'[^=]*= process\.env\b/gu,
];
/** Read by what Modalmix is built on, and promised by the docs. */
const OF_LIBRARIES = [
  ...['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_PROFILE'],
  ...['PIP_INDEX_URL', 'PIP_EXTRA_INDEX_URL', 'PIP_FIND_LINKS', 'PIP_NO_INDEX'],
];

async function sources(): Promise<string[]> {
  const files = await Promise.all(
    FOLDERS.map(async (folder) =>
      (await readdir(join(ROOT, folder), { recursive: true }))
        .filter((file) => /\.(?:ts|mjs)$/u.test(file))
        .map((file) => join(ROOT, folder, file)),
    ),
  );
  return await Promise.all(files.flat().map(async (file) => await readFile(file, 'utf8')));
}

it('has every environment variable that the sources read, and no other', async () => {
  const texts = await sources();
  const read = new Set<string>(Object.values(ENVIRONMENT));
  for (const text of texts) {
    for (const pattern of READS) {
      for (const { groups } of text.matchAll(pattern)) {
        const name = groups?.['name'];
        if (name !== undefined) read.add(name);
      }
    }
  }
  expect(read.size).toBeGreaterThan(45);
  const page = await readFile(join(ROOT, 'docs/environment.md'), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  const documented = new Set(
    rows.flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/gu)].map(([, name = '']) => name),
    ),
  );
  expect([...read].filter((name) => !documented.has(name)).sort()).toEqual([]);
  const everything = texts.join('\n');
  const unknown = [...documented].filter(
    (name) => !read.has(name) && !OF_LIBRARIES.includes(name) && !everything.includes(name),
  );
  expect(unknown).toEqual([]);
});
