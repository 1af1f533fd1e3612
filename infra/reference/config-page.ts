/** `docs/config.md`: every field of the config files as tables, made of their JSON Schemas. Pure. */
import { markOf, type ConfigFile, type SchemaNode } from './config-schema.ts';

interface Row {
  readonly path: string;
  /** Of the unions around it, the arms that have it: `csv`. */
  readonly when: readonly string[];
  readonly values: string;
  readonly standard: string;
  readonly text: string;
}

const HEAD = `# The config, field by field

Made by \`npm run reference\` from the schemas that check the files (\`schemas/config/\`) and the comments there: change those.
The same as JSON Schema, for editors: [\`run.schema.json\`](../schemas/json/run.schema.json),
[\`experiment.schema.json\`](../schemas/json/experiment.schema.json),
[\`search.schema.json\`](../schemas/json/search.schema.json). Configs that Modalmix writes name it in their first line, so
that editors with a YAML language server complete and check them, offline.

A field without a default is required where its group is there, unless it is said to be absent. Any of them can be set for
once: \`--set training.epochs=3\` ([running.md](running.md)). Environment variables: [environment.md](environment.md).
`;

export function configPage(schemas: Readonly<Record<ConfigFile, SchemaNode>>): string {
  const run = schemas.run.properties ?? {};
  const plain = Object.entries(run).filter(([, node]) => !isGroup(node));
  const groups = Object.entries(run).filter(([, node]) => isGroup(node));
  const { base: _base, ...matrix } = schemas.experiment.properties ?? {};
  const { base: _searched, ...search } = schemas.search.properties ?? {};
  return [
    HEAD,
    "## A run's config\n",
    table(rowsOf({ ...schemas.run, properties: Object.fromEntries(plain) }, '')),
    ...groups.flatMap(([name, node]) => [
      `## \`${name}\`\n`,
      `${firstParagraph(node)}\n`,
      table(rowsOf(node, `${name}.`)),
    ]),
    '## An experiment\n',
    "Its `base` is a run's config. `modalmix experiment` trains every dataset × condition × fusion × method × seed ([experiments.md](experiments.md)).\n",
    table(
      rowsOf({ ...schemas.experiment, properties: matrix }, '').filter(
        ({ path }) => !path.startsWith('datasets[].dataset.'),
      ),
    ),
    '## A search\n',
    `Its \`base\` is a run's config, or the path of one. \`modalmix search\` draws values for its fields and trains each ([search.md](search.md)).\n`,
    table(rowsOf({ ...schemas.search, properties: search }, '')),
  ].join('\n');
}

function isGroup(node: SchemaNode): boolean {
  return node.properties !== undefined || node.anyOf !== undefined || node.oneOf !== undefined;
}

function table(rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return `${[
    line(['field', 'values', 'default', 'what it is']),
    line(['---', '---', '---', '---']),
    ...rows.map(({ path, when, values, standard, text }) =>
      line([
        `\`${path}\`${when.length === 0 ? '' : ` (${when.join(', ')})`}`,
        escaped(values),
        standard === '' ? '' : `\`${standard}\``,
        escaped(text),
      ]),
    ),
  ].join('\n')}\n`;
}

function rowsOf(node: SchemaNode, prefix: string): Row[] {
  const own = Object.entries(node.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const row: Row = {
      ...{ path, when: [], values: valuesOf(field), standard: standardOf(field) },
      text: (field.description ?? '').replace(/\n\nUnit: .*$/u, ''),
    };
    const list = field.items !== undefined && !Array.isArray(field.items);
    const { additionalProperties: each } = field;
    return [
      row,
      ...rowsOf((list ? field.items : field) as SchemaNode, `${path}${list ? '[].' : '.'}`),
      ...(typeof each === 'object' ? rowsOf(each, `${path}.*.`) : []),
    ];
  });
  const arms = [...(node.anyOf ?? []), ...(node.oneOf ?? [])].filter((arm) => isGroup(arm));
  return [...own, ...rowsOfArms(arms, prefix)];
}

/** Fields that several arms of a union have alike are told once, and those that all have without saying so. */
function rowsOfArms(arms: readonly SchemaNode[], prefix: string): Row[] {
  const found = new Map<string, { readonly row: Row; readonly marks: string[] }>();
  for (const arm of arms) {
    const mark = markOf(arm);
    for (const row of rowsOf(arm, prefix)) {
      const key = JSON.stringify(row);
      const one = found.get(key) ?? { row, marks: [] };
      found.set(key, one);
      if (mark !== undefined && row.path !== `${prefix}${mark.field}`) one.marks.push(...mark.values);
    }
  }
  const all = arms.flatMap((arm) => markOf(arm)?.values ?? []).length;
  return [...found.values()].map(({ row, marks }) =>
    marks.length === 0 || marks.length === all ? row : { ...row, when: [marks.join(', '), ...row.when] },
  );
}

/** `one of a · b`, `whole number ≥ 1, clips`, `list of …`. */
function valuesOf(node: SchemaNode): string {
  const unit = /\n\nUnit: (.*)$/u.exec(node.description ?? '')?.[1];
  const kind = kindOf(node);
  return unit === undefined || kind === '' ? kind : `${kind}; ${unit}`;
}

function kindOf(node: SchemaNode): string {
  const { type, items, anyOf, oneOf } = node;
  if (node.const !== undefined) return `\`${JSON.stringify(node.const).replaceAll('"', '')}\``;
  if (node.enum !== undefined) return node.enum.map((value) => `\`${String(value)}\``).join(' · ');
  if (anyOf !== undefined || oneOf !== undefined) {
    const kinds = [...(anyOf ?? []), ...(oneOf ?? [])].map((arm) =>
      arm.properties === undefined ? kindOf(arm) : 'a group',
    );
    return [...new Set(kinds)].join(', or ');
  }
  if (Array.isArray(items)) return (items as SchemaNode[]).map(kindOf).join(' and then ');
  if (type === 'array') return `list of: ${kindOf((items ?? {}) as SchemaNode)}`;
  if (type === 'object') return 'a group';
  if (type === 'string') return 'text';
  if (type === 'boolean') return '`true` · `false`';
  if (type !== 'integer' && type !== 'number') return 'any value';
  return `${type === 'integer' ? 'whole number' : 'number'}${boundsOf(node)}`;
}

function boundsOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: SchemaNode): string {
  const named = (sign: string, bound: unknown) =>
    typeof bound === 'number' && Math.abs(bound) < Number.MAX_SAFE_INTEGER
      ? [`${sign} ${String(bound)}`]
      : [];
  const bounds = [
    ...named('≥', minimum),
    ...named('>', exclusiveMinimum),
    ...named('≤', maximum),
    ...named('<', exclusiveMaximum),
  ];
  return bounds.length === 0 ? '' : ` ${bounds.join(', ')}`;
}

function standardOf({ default: standard }: SchemaNode): string {
  if (standard === undefined || JSON.stringify(standard) === '{}') return '';
  return typeof standard === 'string' ? standard : JSON.stringify(standard);
}

function firstParagraph(node: SchemaNode): string {
  return (node.description ?? '').split('\n\n')[0] ?? '';
}

function escaped(text: string): string {
  return text.replaceAll('|', String.raw`\|`);
}
