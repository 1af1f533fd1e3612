/** Packages in one file: the same as from where they are, with compiled code that is never trusted blindly. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import type protobuf from 'protobufjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildPackages } from '../../infra/command/build-packages.ts';
import { keptCodeFile } from '../../infra/command/cached-packages.mjs';
import { NOT_CLIENTS, shortDescription } from '../../infra/command/short-description.ts';
import { PROJECT_FOLDER } from '../../infra/folders.ts';

// Below node_modules, where its packages are found.
const FOLDER = join(PROJECT_FOLDER, 'node_modules', '.cache', 'modalmix', `packages-${String(process.pid)}`);
const LOADER = pathToFileURL(join(PROJECT_FOLDER, 'infra', 'command', 'cached-packages.mjs')).href;

beforeAll(() => {
  mkdirSync(FOLDER, { recursive: true });
});
afterAll(() => {
  rmSync(FOLDER, { recursive: true, force: true });
});

/** What a process says that has the packages from the file. */
async function said(path: string, code: string): Promise<string> {
  const script = `
    import { cachedPackages } from ${JSON.stringify(LOADER)};
    const packages = cachedPackages(${JSON.stringify(path)});
    ${code}
  `;
  const { stdout } = await execa(process.execPath, ['--input-type=module', '--eval', script]);
  return stdout;
}

test('compiled code is kept, used, and made anew when it is damaged', async () => {
  const { path } = await buildPackages({ name: 'words', packages: ['yaml'] }, FOLDER);
  const code = `process.stdout.write(packages['yaml']().stringify({ a: [1, 2] }));`;
  const kept = keptCodeFile(path);
  const yaml = await said(path, code);
  expect(yaml).toBe('a:\n  - 1\n  - 2');
  const first = readFileSync(kept);
  // Other functions than the first one's are added, until a few have been.
  await said(path, `packages['yaml']().parse('a: [1, "2"]');`);
  expect(readFileSync(kept).length).toBeGreaterThan(first.length + 10_000);
  for (let use = 0; use < 3; use += 1) expect(await said(path, code)).toBe(yaml);
  const good = readFileSync(kept);
  expect(await said(path, code)).toBe(yaml);
  expect(readFileSync(kept)).toEqual(good);

  const damaged = Buffer.from(good);
  damaged.writeUInt8(good.readUInt8(1_000) ^ 255, 1_000);
  for (const content of [damaged, good.subarray(0, 100), Buffer.alloc(0)]) {
    writeFileSync(kept, content);
    expect(await said(path, code)).toBe(yaml);
    expect(readFileSync(kept).length).toBeGreaterThan(1_000);
    expect(readFileSync(kept)).not.toEqual(content);
  }
});

test("a worker's packages find their files where they are, and leave the bundler alone until it is asked for", async () => {
  const { path } = await buildPackages({ name: 'worker', packages: ['@temporalio/worker'] }, FOLDER);
  expect(readFileSync(path, 'utf8')).not.toContain('webpack/lib/Compiler');
  const output = await said(
    path,
    `
      import { createRequire } from 'node:module';
      const worker = packages['@temporalio/worker']();
      const workflowsPath = ${JSON.stringify(join(PROJECT_FOLDER, 'workflows', 'index.ts'))};
      const logger = new worker.DefaultLogger('ERROR');
      const { code } = await worker.bundleWorkflowCode({ workflowsPath, logger });
      process.stdout.write(String(code.includes('rebuildDataset')));
    `,
  );
  expect(output).toBe('true');
  const files = [...readFileSync(path, 'utf8').matchAll(/require\.resolve\("([^"]+)"\)/gu)].map(
    ([, file]) => file!,
  );
  expect(files.some((file) => file.endsWith('workflow-worker-thread'))).toBe(true);
  for (const file of files) expect(existsSync(`${file.replace(/\.js$/u, '')}.js`)).toBe(true);
});

test('what is left out of the description of the messages is nothing that a service needs', () => {
  const require = createRequire(join(PROJECT_FOLDER, 'node_modules', '@temporalio', 'proto', 'package.json'));
  const { Root } = require('protobufjs/light') as typeof protobuf;
  const whole = require('./protos/json-module.js') as protobuf.Root;
  const source = readFileSync(require.resolve('./protos/json-module.js'), 'utf8');
  const short = new Root();
  short.addJSON(shortDescription(source, NOT_CLIENTS));
  // Throws where a message is missing that another one has in it.
  short.resolveAll();
  for (const name of [
    'temporal.api.workflowservice.v1.WorkflowService',
    'temporal.api.operatorservice.v1.OperatorService',
    'grpc.health.v1.Health',
  ]) {
    expect(Object.keys(short.lookupService(name).methods)).toEqual(
      Object.keys(whole.lookupService(name).methods),
    );
  }
  expect(whole.lookup('coresdk.ActivityHeartbeat')).not.toBeNull();
  expect(short.lookup('coresdk.ActivityHeartbeat')).toBeNull();
  expect(() => shortDescription('({}).addJSON({});', NOT_CLIENTS)).toThrow(/short-description/u);
});
