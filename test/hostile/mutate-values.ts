/** Damaged and planted structures: fields that are gone, doubled, of another type or far too much. */
import fc from 'fast-check';
import { mutatedBytes } from './mutate-bytes.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Stands in a value for JSON text that no value makes; see `jsonText`. */
const raw = (text: string) => `\u0000raw:${text}`;
const RAW = /"\\u0000raw:((?:[^"\\]|\\.)*)"/gu;

/** Deeper than any recursion that is not guarded. */
const DEEP = 20_000;

export const hostileText = fc.oneof(
  fc.constantFrom(
    ...['', ' ', '.', '..', '../../../etc/passwd', '/etc/passwd', '/dev/zero', '/proc/self/environ', 'NaN'],
    ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', '\u0000', 'a\u0000b', '\ud800', '\ufeff'],
    ...[
      '\u202e',
      '\u001b]0;x\u0007',
      '-rf',
      '--',
      '$(id)',
      '%00',
      '%s%n',
      'file:///etc/passwd',
      'http://localhost/',
    ],
    ...[
      '1e400',
      '-1',
      '0x10',
      '１',
      'e\u0301',
      '<<',
      '*a',
      '&a',
      '!!js/function',
      'null',
      'true',
      '{}',
      '[]',
    ],
  ),
  fc.string({ unit: 'binary', maxLength: 24 }),
  fc.nat(16).map((power) => 'a'.repeat(2 ** power)),
);

const leaf: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(
    null,
    true,
    false,
    [],
    {},
    0,
    -0,
    -1,
    1.5,
    2 ** 31,
    2 ** 53,
    -(2 ** 63),
    1e305,
    5e-324,
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  hostileText,
  fc.constantFrom(
    raw('1e999'),
    raw('-1e999'),
    raw('['.repeat(DEEP) + ']'.repeat(DEEP)),
    raw('{"a":'.repeat(DEEP) + '1' + '}'.repeat(DEEP)),
    raw('{"__proto__":{"a":1}}'),
    raw('{"a":1,"a":2}'),
  ),
);

type Path = readonly (string | number)[];
const isGroup = (value: Json): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function pathsOf(value: Json, path: Path = []): Path[] {
  const below = Array.isArray(value)
    ? value.slice(0, 64).flatMap((one: Json, i) => pathsOf(one, [...path, i]))
    : isGroup(value)
      ? Object.entries(value).flatMap(([key, one]) => pathsOf(one, [...path, key]))
      : [];
  return [path, ...below];
}

function at(value: Json, path: Path): Json {
  return path.reduce<Json>((here, key) => (here as Record<string | number, Json>)[key] ?? null, value);
}

/** @param to undefined: it is taken out */
function withAt(value: Json, path: Path, to: Json | undefined): Json {
  const [key, ...rest] = path;
  if (key === undefined) return to ?? null;
  if (Array.isArray(value)) {
    const list = value as readonly Json[];
    const gone = rest.length === 0 && to === undefined;
    return list.flatMap((one, i) => (i !== key ? [one] : gone ? [] : [withAt(one, rest, to)]));
  }
  if (!isGroup(value)) return value;
  const entries = Object.entries(value).flatMap(([name, one]): [string, Json][] =>
    name !== key
      ? [[name, one]]
      : rest.length === 0 && to === undefined
        ? []
        : [[name, withAt(one, rest, to)]],
  );
  return fromEntries(entries);
}

/** Also of the name `__proto__`. */
function fromEntries(entries: readonly (readonly [string, Json])[]): Json {
  const group: Record<string, Json> = {};
  for (const [key, value] of entries) {
    Object.defineProperty(group, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return group;
}

type Edit = (value: Json, paths: readonly Path[]) => Json;
const place = fc.nat(2 ** 20);
const pick = (paths: readonly Path[], n: number): Path => paths[n % paths.length] ?? [];

const edit: fc.Arbitrary<Edit> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(place, leaf).map(
      ([n, to]): Edit =>
        (value, paths) =>
          withAt(value, pick(paths, n), to),
    ),
  },
  {
    weight: 2,
    arbitrary: place.map(
      (n): Edit =>
        (value, paths) =>
          withAt(value, pick(paths, n), undefined),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(place, hostileText, leaf).map(([n, name, added]): Edit => {
      return (value, paths) => {
        const path = pick(paths, n);
        const here = at(value, path);
        return isGroup(here)
          ? withAt(value, path, fromEntries([...Object.entries(here), [name, added]]))
          : value;
      };
    }),
  },
  fc.tuple(place, place).map(([from, to]): Edit => {
    return (value, paths) => withAt(value, pick(paths, to), at(value, pick(paths, from)));
  }),
  place.map(
    (n): Edit =>
      (value, paths) =>
        withAt(value, pick(paths, n), [at(value, pick(paths, n))]),
  ),
  fc.tuple(place, fc.integer({ min: 2, max: 300 })).map(([n, times]): Edit => {
    return (value, paths) => {
      const path = pick(paths, n);
      const here = at(value, path);
      const size = JSON.stringify(here).length;
      return withAt(
        value,
        path,
        Array.from({ length: Math.min(times, Math.ceil(200_000 / size)) }, () => here),
      );
    };
  }),
  /** A digit, or a letter, of what stands there. */
  fc.tuple(place, place, fc.integer({ min: -2, max: 2 })).map(([n, letter, by]): Edit => {
    return (value, paths) => {
      const path = pick(paths, n);
      const here = at(value, path);
      if (typeof here === 'number') return withAt(value, path, here + by);
      if (typeof here !== 'string' || here === '') return value;
      const i = letter % here.length;
      const other = String.fromCharCode(Math.max(1, here.charCodeAt(i) + (by === 0 ? 1 : by)));
      return withAt(value, path, here.slice(0, i) + other + here.slice(i + 1));
    };
  }),
);

/** @param values real ones of one kind */
export function mutatedValue(values: readonly Json[]): fc.Arbitrary<Json> {
  return fc
    .tuple(fc.constantFrom(...values), fc.array(edit, { minLength: 1, maxLength: 4 }))
    .map(([value, edits]) => edits.reduce((here, one) => one(here, pathsOf(here)), value));
}

/** As text, with what `raw` stands for. */
export function jsonText(value: Json): string {
  return JSON.stringify(value).replace(RAW, (_, text: string) => JSON.parse(`"${text}"`) as string);
}

/** JSON files: changed in their structure, or in their bytes. */
export function mutatedJson(values: readonly Json[]): fc.Arbitrary<Buffer> {
  const files = values.map((value) => Buffer.from(JSON.stringify(value)));
  return fc.oneof(
    { weight: 4, arbitrary: mutatedValue(values).map((value) => Buffer.from(jsonText(value))) },
    mutatedBytes(files),
  );
}
