/** What the command loads before it knows what is set up. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { PROJECT_FOLDER } from '../../infra/folders.ts';
import { nodeWithTypeScript } from '../../infra/supervisor/supervise.ts';

test('every command loads on a machine where Kafka client and TensorFlow are not set up yet', async () => {
  const folder = join(PROJECT_FOLDER, 'cli', 'commands');
  const modules = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => pathToFileURL(join(folder, name)).href);
  const script = `
    import { createRequire } from 'node:module';
    for (const module of ${JSON.stringify(modules)}) await import(module);
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    process.stdout.write(JSON.stringify(loaded));
  `;
  const { program, args } = nodeWithTypeScript();
  const { stdout } = await execa(program, [...args, '--input-type=module', '--eval', script]);
  const loaded = JSON.parse(stdout) as string[];
  expect(modules.length).toBeGreaterThan(5);
  expect(loaded.length).toBeGreaterThan(0);
  expect(loaded.filter((file) => /node-rdkafka|tfjs-node/u.test(file))).toEqual([]);
});
