/**
 * Type-aware linting, and the direction of imports:
 * schemas ◀ pipelines ◀ activities ◀ workflows (types only) ◀ infra ◀ runs ◀ cli, ui, api ◀ examples, and inside pipelines/ the data flow.
 */
import { builtinModules } from 'node:module';
import eslint from '@eslint/js';
import boundaries from 'eslint-plugin-boundaries';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Below every stage; they know nothing of one another. */
const FOUNDATIONS = ['plugins', 'config', 'store', 'random', 'process'];
/** What computes tensors: above the foundations alone, so that it knows no clip, modality or method. */
const ENGINE = 'engine';
/** In the order in which the data flows: a stage may use the ones before it. */
const STAGES = [
  'datasets',
  'extraction',
  'shards',
  'training',
  'evaluation',
  'statistics',
  'streaming',
  'models',
  'experiments',
  'searches',
  'tracking',
  'prediction',
  'export',
  'upkeep',
];
const PIPELINES = [...FOUNDATIONS, ENGINE, ...STAGES];

const BELOW_RUNS = ['schemas', ...PIPELINES, 'activities', 'workflows', 'infra'];

/** Which parts a part may import, besides itself. */
const MAY_IMPORT = {
  schemas: [],
  ...Object.fromEntries(FOUNDATIONS.map((name) => [name, ['schemas']])),
  // A config's plug-ins are bundled when it is read.
  config: ['schemas', 'plugins'],
  [ENGINE]: ['schemas', ...FOUNDATIONS],
  ...Object.fromEntries(
    STAGES.map((name, place) => [name, ['schemas', ...FOUNDATIONS, ENGINE, ...STAGES.slice(0, place)]]),
  ),
  activities: ['schemas', ...PIPELINES],
  workflows: ['schemas'],
  infra: ['schemas', ...PIPELINES, 'activities', 'workflows'],
  // What people ask for, whichever way: by a command, on the page, from a program of theirs.
  runs: BELOW_RUNS,
  ui: [...BELOW_RUNS, 'runs'],
  cli: [...BELOW_RUNS, 'runs', 'ui'],
  // What is exported. Examples see that alone.
  api: [...BELOW_RUNS, 'runs'],
  examples: ['api'],
  bench: [...BELOW_RUNS, 'runs', 'cli', 'ui'],
  test: [...BELOW_RUNS, 'runs', 'cli', 'ui', 'api', 'examples', 'bench'],
};

const elements = Object.keys(MAY_IMPORT).map((type) => ({
  type,
  pattern: PIPELINES.includes(type) ? `pipelines/${type}` : type,
  partialMatch: false,
}));

const policies = [
  ...Object.entries(MAY_IMPORT).map(([from, to]) => ({
    from: { element: { type: from } },
    allow: { to: { element: { types: { anyOf: [from, ...to] } } } },
  })),
  {
    from: { element: { type: 'workflows' } },
    allow: { to: { element: { type: 'activities' } }, dependency: { kind: 'type' } },
  },
  // Other people's packages are not a matter of direction.
  { allow: { to: { module: { origin: ['external', 'core'] } } } },
];

export default defineConfig(
  globalIgnores(['node_modules/', 'coverage/', 'dist/', '.modalmix/', 'shared/', '**/golden/**/*.json']),
  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // An interface may promise more than one of its implementations needs.
      '@typescript-eslint/require-await': 'off',
      // In a numeric loop the bound proves that the index is there.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    // Its own types describe a module, ESLint's a plugin.
    plugins: {
      boundaries: /** @type {import('eslint').ESLint.Plugin} */ (/** @type {unknown} */ (boundaries)),
    },
    settings: {
      'boundaries/root-path': import.meta.dirname,
      'boundaries/elements': elements,
      'import/resolver': { typescript: { project: `${import.meta.dirname}/tsconfig.json` } },
    },
    rules: { 'boundaries/dependencies': ['error', { default: 'disallow', policies }] },
  },
  {
    // Workflow code is replayed: what it does may depend on its history alone.
    files: ['workflows/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: builtinModules.map((name) => ({ name, message: 'Workflows use no Node built-ins.' })),
          patterns: [{ group: ['node:*'], message: 'Workflows use no Node built-ins.' }],
        },
      ],
    },
  },
  {
    // TypeScript checks these files too, and knows the globals.
    files: ['**/*.{js,mjs}'],
    rules: { 'no-undef': 'off' },
  },
);
