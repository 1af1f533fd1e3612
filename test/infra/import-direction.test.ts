import { ESLint } from 'eslint';
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
    good: "import '../shards/shard-reader.ts';",
  },
  {
    file: 'pipelines/training/loop.ts',
    bad: "import '../../activities/index.ts';",
    good: "import '../store/store.ts';",
  },
  {
    file: 'activities/index.ts',
    bad: "import '../infra/worker.ts';",
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
    bad: "import '../cli/main.ts';",
    good: "import '../activities/index.ts';",
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
