/** What a person, or whoever gave them a file, writes: run, experiment and search in YAML, and `--set`. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { parseConfig } from '../../../pipelines/config/load-config.ts';
import { parseSetting, withSettings } from '../../../pipelines/config/settings.ts';
import { parseExperiment } from '../../../pipelines/experiments/load-experiment.ts';
import { parseSearch } from '../../../pipelines/searches/load-search.ts';
import { mutatedBytes } from '../mutate-bytes.ts';
import { hostileText, jsonText, mutatedValue, type Json } from '../mutate-values.ts';
import type { Target } from '../target.ts';

const CONFIGS = fileURLToPath(new URL('../../../configs', import.meta.url));

/** Nowhere: relative paths in configs start there. */
const FILE = '/nowhere/config.yaml';

const ODD = [
  'a: &a [*a, *a]\n',
  'a: &a {b: 1}\nc: *a\nd: {<<: *a}\n',
  'x: &x [1,1,1,1,1,1,1,1]\ny: &y [*x,*x,*x,*x,*x,*x,*x,*x]\nz: &z [*y,*y,*y,*y,*y,*y,*y,*y]\nw: [*z,*z,*z,*z,*z,*z]\n',
  'name: !!binary aGVsbG8=\nd: !!set {a, b}\n',
  '? [a, b]\n: c\n? {d: e}\n: f\n',
  '--- 1\n--- 2\n',
  '%YAML 1.1\n---\nyes: on\ndate: 2001-12-14t21:59:43.10-05:00\n',
  'text: |+\n  a\n   b\n\nfolded: >-\n  c\n  d\n',
];

export function configTargets(): Target[] {
  const texts = readdirSync(CONFIGS, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => readFileSync(join(CONFIGS, name), 'utf8'));
  const values = texts.map((text) => parse(text) as Json);
  const files = [...texts, ...ODD].map((text) => Buffer.from(text));
  const yaml = fc.oneof(
    mutatedValue(values).map((value) => stringify(value, { aliasDuplicateObjects: true })),
    mutatedValue(values).map(jsonText),
    mutatedBytes(files).map((bytes) => bytes.subarray(0, 65_536).toString('utf8')),
  );
  const setting = fc.oneof(
    fc.tuple(hostileText, hostileText).map(([path, value]) => `${path}=${value}`),
    fc
      .tuple(fc.constantFrom('training.epochs', 'training.methods[0]', 'dataset.root', 'a[3]'), hostileText)
      .map(([path, value]) => `${path}=${value}`),
    mutatedValue(values).map((value) => `training=${jsonText(value)}`),
    mutatedBytes([Buffer.from('training.methods[0]=joint'), Buffer.from('name="a: b"')]).map(String),
  );
  const kind = 'configs';
  return [
    { name: 'run', kind, inputs: yaml, parse: (text: string) => parseConfig(text, FILE), share: 0.1 },
    {
      name: 'experiment',
      kind,
      inputs: yaml,
      parse: (text: string) => parseExperiment(text, FILE),
      share: 0.1,
    },
    { name: 'search', kind, inputs: yaml, parse: (text: string) => parseSearch(text, FILE), share: 0.1 },
    {
      name: 'setting',
      kind,
      inputs: setting,
      parse: (text: string) => withSettings(values[0], [parseSetting(text)]),
      share: 0.2,
    },
  ];
}
