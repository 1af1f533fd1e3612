/** JSON Schema of the files that people write, from the schemas that check them and the comments beside their fields. */
import { z } from 'zod';
import { runConfigSchema } from '../../schemas/config/config.ts';
import { experimentConfigSchema } from '../../schemas/config/experiment.ts';
import { writtenSearchSchema } from '../../schemas/config/search.ts';
import { documentedType, type DocumentedType } from './field-docs.ts';
import { unitOf } from './units.ts';

export interface SchemaNode {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode | readonly SchemaNode[];
  readonly additionalProperties?: SchemaNode | boolean;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly description?: string;
  readonly [keyword: string]: unknown;
}

const FILES = {
  run: {
    title: "Modalmix: a run's config",
    schema: runConfigSchema,
    source: 'schemas/config/config.ts',
    type: 'RunConfig',
  },
  experiment: {
    title: 'Modalmix: an experiment',
    schema: experimentConfigSchema,
    source: 'schemas/config/experiment.ts',
    type: 'ExperimentConfig',
  },
  search: {
    title: 'Modalmix: a search',
    schema: writtenSearchSchema,
    source: 'schemas/config/search.ts',
    type: 'WrittenSearch',
  },
} as const;
export type ConfigFile = keyof typeof FILES;
export const CONFIG_FILES = Object.keys(FILES) as ConfigFile[];

/** What is accepted besides, and made something else before the schema sees it. */
const ALSO: Readonly<Record<string, SchemaNode>> = { 'experiment methods': { const: 'all' } };

/**
 * Draft 7, which YAML editors know best.
 *
 * @throws Error for a field without a description, or a number without a unit
 */
export function configJsonSchema(file: ConfigFile): SchemaNode {
  const { title, schema, source, type } = FILES[file];
  const bare = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' }) as SchemaNode;
  const missing: string[] = [];
  const { $schema, ...described } = describe(bare, documentedType(source, type), [], file, missing);
  if (missing.length > 0) throw new Error(`${source}: ${missing.join('; ')}`);
  return { $schema, title, ...described };
}

function describe(
  node: SchemaNode,
  type: DocumentedType,
  path: readonly string[],
  file: ConfigFile,
  missing: string[],
): SchemaNode {
  const go = (below: SchemaNode, of: DocumentedType, more: readonly string[] = []) =>
    describe(below, of, [...path, ...more], file, missing);
  const arms = (given: readonly SchemaNode[]) => given.map((arm) => go(arm, narrowed(type, arm)));
  const { items, additionalProperties: others } = node;
  return {
    ...node,
    ...(node.anyOf === undefined ? {} : { anyOf: arms(node.anyOf) }),
    ...(node.oneOf === undefined ? {} : { oneOf: arms(node.oneOf) }),
    ...(Array.isArray(items)
      ? { items: items.map((one: SchemaNode) => go(one, type.element())) }
      : items === undefined
        ? {}
        : { items: go(items as SchemaNode, type.element()) }),
    ...(typeof others === 'object' ? { additionalProperties: go(others, type.element(), ['*']) } : {}),
    ...(node.properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(node.properties).map(([name, below]) => {
              const field = type.field(name);
              const here = [...path, name];
              const text = field?.doc.text ?? '';
              if (field === undefined || text === '') {
                missing.push(`${here.join('.')} has no comment`);
                return [name, below];
              }
              const unit = isNumeric(below) ? unitOf(here) : undefined;
              if (isNumeric(below) && unit === undefined) missing.push(`${here.join('.')} has no unit`);
              const described = go(below, field.type, [name]);
              const also = ALSO[`${file} ${here.join('.')}`];
              const told = unit === undefined ? text : `${text}\n\nUnit: ${unit}`;
              return [
                name,
                { description: told, ...(also === undefined ? described : { anyOf: [also, described] }) },
              ];
            }),
          ),
        }),
  };
}

/** The type's alternative that an arm of a union describes: the one with its mark. */
function narrowed(type: DocumentedType, arm: SchemaNode): DocumentedType {
  const mark = markOf(arm);
  return mark === undefined ? type : type.where(mark.field, mark.values[0]!);
}

/** The field that tells an arm of a union from the others, and its values there. */
export function markOf(
  arm: SchemaNode,
): { readonly field: string; readonly values: readonly string[] } | undefined {
  const texts = (values: readonly unknown[] = []) =>
    values.filter((value): value is string => typeof value === 'string');
  const found = Object.entries(arm.properties ?? {}).map(([field, node]) => ({
    ...{ field, fixed: texts([node.const]), named: texts(node.enum) },
  }));
  const fixed = found.find((one) => one.fixed.length > 0);
  if (fixed !== undefined) return { field: fixed.field, values: fixed.fixed };
  const named = found.find((one) => one.named.length > 0 && arm.required?.includes(one.field) === true);
  return named && { field: named.field, values: named.named };
}

/** Whether a field is a number, or a list or record of numbers. */
export function isNumeric(node: SchemaNode): boolean {
  const { type, items, additionalProperties: others, anyOf, oneOf } = node;
  if (type === 'number' || type === 'integer') return true;
  if (typeof node.const === 'number' || node.enum?.some((value) => typeof value === 'number') === true) {
    return true;
  }
  const below = [
    ...(Array.isArray(items) ? (items as SchemaNode[]) : items === undefined ? [] : [items as SchemaNode]),
    ...(typeof others === 'object' ? [others] : []),
    ...(anyOf ?? []),
    ...(oneOf ?? []),
  ];
  return below.some(isNumeric);
}
