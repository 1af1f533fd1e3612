import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { copy } from '../../cli/commands/recipe.ts';
import { CONFIG_FILES, type SchemaNode } from '../../infra/reference/config-schema.ts';
import { referenceFiles } from '../../infra/reference/reference-files.ts';

const inProject = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const readSchema = async (name: string) =>
  JSON.parse(await readFile(inProject(`schemas/json/${name}.schema.json`), 'utf8')) as SchemaNode;

let made: Map<string, string>;
beforeAll(async () => {
  made = await referenceFiles();
});

it('has every made file as `npm run reference` writes it', async () => {
  for (const [path, text] of made) {
    expect(await readFile(inProject(path), 'utf8'), `${path}: run "npm run reference"`).toBe(text);
  }
});

/** Every field below a node, with its path. */
function fieldsOf(node: SchemaNode, path = ''): [string, SchemaNode][] {
  const below = [node.items, node.additionalProperties, ...(node.anyOf ?? []), ...(node.oneOf ?? [])]
    .flat()
    .filter((one): one is SchemaNode => typeof one === 'object');
  return [
    ...Object.entries(node.properties ?? {}).flatMap(([name, field]): [string, SchemaNode][] => [
      [`${path}.${name}`, field],
      ...fieldsOf(field, `${path}.${name}`),
    ]),
    ...below.flatMap((one) => fieldsOf(one, path)),
  ];
}

describe.each(CONFIG_FILES)('the JSON Schema of %s', (name) => {
  it('describes every field, and every number by its unit', async () => {
    const fields = fieldsOf(await readSchema(name));
    expect(fields.length).toBeGreaterThan(180);
    for (const [path, { description, type }] of fields) {
      expect(description, path).toMatch(/\S{2}/u);
      if (type === 'number' || type === 'integer') expect(description, path).toMatch(/\n\nUnit: \S/u);
    }
  });
});

describe('the JSON Schemas', () => {
  it("say of a field what its comment says, also where it is another file's", async () => {
    const run = await readSchema('run');
    const training = run.properties?.['training']?.properties ?? {};
    expect(training['clipNorm']?.description).toContain("PyTorch's `clip_grad_norm_`");
    expect(training['clipNorm']?.description).toContain('Unit: length of the gradient');
    expect(training['balance']?.properties?.['gamma']?.description).toContain('How far λ^u follows ρ^u');
    expect(run.properties?.['stream']?.properties?.['sink']?.description).toContain('A shard is published');
    // Ours, and those that plug-ins read.
    const kinds = run.properties?.['dataset']?.anyOf ?? [];
    const formats = kinds.flatMap((kind) => kind.oneOf ?? [kind]);
    const roots = formats.map(({ properties }) => properties?.['root']?.description ?? '');
    expect(roots).toContainEqual(expect.stringContaining('`VideoFlash`'));
    expect(roots).toContainEqual(expect.stringContaining('`ucfTrainTestlist`'));
  });

  it("accept the project's own configs and refuse misspelt fields, wrong values and what is missing", async () => {
    const ajv = new Ajv({ strict: false, allErrors: true });
    const run = ajv.compile(await readSchema('run'));
    const experiment = ajv.compile(await readSchema('experiment'));
    const search = ajv.compile(await readSchema('search'));
    const folders = ['configs', 'configs/recipes', 'configs/evidence'];
    const files = (
      await Promise.all(
        folders.map(async (folder) => (await readdir(inProject(folder))).map((file) => `${folder}/${file}`)),
      )
    ).flat();
    const configs = files.filter((file) => file.endsWith('.yaml'));
    expect(configs.length).toBeGreaterThan(10);
    for (const file of configs) {
      const config: unknown = parse(await readFile(inProject(file), 'utf8'));
      const has = (field: string) => typeof config === 'object' && config !== null && field in config;
      const check = !has('base') ? run : has('space') ? search : experiment;
      expect(check(config), `${file}: ${ajv.errorsText(check.errors)}`).toBe(true);
    }
    const good = { name: 'a', dataset: { format: 'folder', root: 'clips' } };
    expect(run(good)).toBe(true);
    expect(experiment({ name: 'e', base: good, methods: 'all', seeds: [0] })).toBe(true);
    for (const bad of [
      { ...good, traning: {} },
      { ...good, training: { epochs: 0 } },
      { ...good, training: { encoder: { kind: 'resnt' } } },
      { ...good, dataset: { format: 'folder' } },
      { dataset: good.dataset },
    ]) {
      expect(run(bad), JSON.stringify(bad)).toBe(false);
    }
    const space = { 'training.epochs': { integer: [3, 30] } };
    const drawn = { name: 's', base: good, space };
    expect(search(drawn)).toBe(true);
    expect(search({ ...drawn, base: 'run.yaml' })).toBe(true);
    for (const bad of [
      { ...drawn, base: { ...good, traning: {} } },
      { ...drawn, space: { 'training.epochs': { integers: [3, 30] } } },
      { ...drawn, space: { 'training.epochs': { integer: [3, 30], choice: [3, 4] } } },
      { ...drawn, trials: 0 },
      { name: 's', base: good },
    ]) {
      expect(search(bad), JSON.stringify(bad)).toBe(false);
    }
  });
});

it('is found by an editor from a config that Modalmix writes, beside it and without a network', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'modalmix-editor-'));
  try {
    const screen = {
      say: () => undefined,
      event: () => undefined,
      progress: () => undefined,
      close: () => undefined,
    };
    const file = join(folder, 'mine.yaml');
    await copy('av-mnist', file, {}, screen);
    const [first = ''] = (await readFile(file, 'utf8')).split('\n');
    const [, reference = ''] = /^# yaml-language-server: \$schema=(\S+)$/u.exec(first) ?? [];
    expect(JSON.parse(await readFile(join(folder, reference), 'utf8'))).toEqual(await readSchema('run'));
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("is named by the project's own configs", async () => {
  for (const file of ['configs/demo.yaml', 'configs/experiment.yaml', 'configs/search.yaml']) {
    const [, reference = ''] =
      /^# yaml-language-server: \$schema=(\S+)$/mu.exec(await readFile(inProject(file), 'utf8')) ?? [];
    const schema = JSON.parse(
      await readFile(join(dirname(inProject(file)), reference), 'utf8'),
    ) as SchemaNode;
    const [, kind = ''] = /(experiment|search|demo)\.yaml$/u.exec(file) ?? [];
    expect(schema['title']).toContain(kind === 'demo' ? 'a run' : kind);
  }
});
