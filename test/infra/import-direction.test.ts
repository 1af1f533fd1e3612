import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { ESLint } from 'eslint';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import { PROJECT_FOLDER } from '../../infra/folders.ts';

/** The first lint reads the types of the whole project. */
const LINT_TIMEOUT_MS = 180_000;
const RULES = ['boundaries/dependencies', 'no-restricted-imports'];

/** A line that must not stand in the file, and one that may. */
const CASES = [
  { file: 'schemas/names.ts', bad: "import '../pipelines/store/store.ts';", good: "import './clip.ts';" },
  {
    file: 'pipelines/store/store.ts',
    bad: "import '../training/loop.ts';",
    good: "import '../../schemas/names.ts';",
  },
  {
    file: 'pipelines/training/loop.ts',
    bad: "import '../evaluation/evaluate-model.ts';",
    good: "import '../shards/read/shard-reader.ts';",
  },
  {
    file: 'pipelines/training/loop.ts',
    bad: "import '../../activities/index.ts';",
    good: "import '../store/store.ts';",
  },
  {
    file: 'pipelines/engine/tensorflow.ts',
    bad: "import '../training/loop.ts';",
    good: "import '../random/generator.ts';",
  },
  {
    file: 'pipelines/engine/tensorflow.ts',
    bad: "import '../shards/read/shard-reader.ts';",
    good: "import '../process/child-process.ts';",
  },
  {
    file: 'activities/index.ts',
    bad: "import '../infra/workers/worker.ts';",
    good: "import '../pipelines/training/loop.ts';",
  },
  {
    file: 'workflows/index.ts',
    bad: "import { createActivities } from '../activities/index.ts';",
    good: "import type { Activities } from '../activities/index.ts';",
  },
  {
    file: 'workflows/index.ts',
    bad: "import '../pipelines/store/store.ts';",
    good: "import '../schemas/names.ts';",
  },
  { file: 'workflows/index.ts', bad: "import 'node:fs';", good: "import '@temporalio/workflow';" },
  {
    file: 'infra/workers/worker.ts',
    bad: "import '../../cli/main.ts';",
    good: "import '../../activities/index.ts';",
  },
  {
    file: 'runs/follow.ts',
    bad: "import '../cli/main.ts';",
    good: "import '../infra/ports.ts';",
  },
  {
    file: 'cli/commands/run.ts',
    bad: "import '../../api/index.ts';",
    good: "import '../../runs/follow.ts';",
  },
  {
    file: 'examples/api/compare-methods.ts',
    bad: "import '../../pipelines/store/open-store.ts';",
    good: "import { run } from 'modalmix';",
  },
];

describe('the lint rule on the direction of imports', () => {
  let eslint: ESLint;
  const complaints = async (file: string, code: string) => {
    const [result] = await eslint.lintText(`${code}\n`, { filePath: `${PROJECT_FOLDER}${file}` });
    return result!.messages.filter(({ ruleId }) => ruleId === null || RULES.includes(ruleId));
  };

  beforeAll(() => {
    eslint = new ESLint({ cwd: PROJECT_FOLDER });
  });

  test.each(CASES)(
    'forbids $bad in $file, and allows $good',
    { timeout: LINT_TIMEOUT_MS },
    async ({ file, bad, good }) => {
      expect(await complaints(file, good)).toEqual([]);
      expect(await complaints(file, bad)).toHaveLength(1);
    },
  );
});

describe('the lint rule on circles of imports', () => {
  test('finds one of types alone, and passes a line of imports', { timeout: LINT_TIMEOUT_MS }, async () => {
    await withFolder(async (folder) => {
      const files = {
        'a.ts': "import type { B } from './b.ts';\nexport interface A { b?: B }\n",
        'b.ts': "import type { A } from './a.ts';\nexport interface B { a?: A }\n",
        'c.ts': "import type { D } from './d.ts';\nexport interface C { d?: D }\n",
        'd.ts': 'export interface D { n: number }\n',
      };
      for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
      const circle = await cruise(join(folder, 'a.ts'));
      expect(circle.exitCode).toBe(1);
      expect(circle.stdout).toMatch(/no-circles:[^]*b\.ts/u);
      expect((await cruise(join(folder, 'c.ts'))).exitCode).toBe(0);
    });
  });
});

/** Below the project, where the rule's settings hold. */
async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(PROJECT_FOLDER, 'test', 'circle-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function cruise(file: string) {
  const path = relative(PROJECT_FOLDER, file);
  return await execa('depcruise', ['--config', 'dependency-cruiser.config.mjs', path], {
    cwd: PROJECT_FOLDER,
    preferLocal: true,
    reject: false,
  });
}
