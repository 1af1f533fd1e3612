/** `--set training.epochs=3`: values that the command line lays over a config file's, before the config is checked. */
import { parseDocument } from 'yaml';
import { ModalmixError } from '../../schemas/errors.ts';

export interface Setting {
  /** `--set training.methods[0]`: how it is told to a person. */
  readonly name: string;
  readonly path: readonly (string | number)[];
  readonly value: unknown;
}

const FIX =
  'Write --set field=value, for example --set training.epochs=3 or --set training.methods[0]=joint.';

/**
 * @param text `<path>=<value>`: fields with dots between them, places in lists as `[i]` from 0, and a value in YAML
 * @throws ModalmixError `config` when it is none
 */
export function parseSetting(text: string): Setting {
  const [, field, value] = /^\s*([^=]+?)\s*=(.*)$/su.exec(text) ?? [];
  if (field === undefined || value === undefined || !/^[^.[\]]+(\.[^.[\]]+|\[\d+\])*$/u.test(field)) {
    throw new ModalmixError('config', 'it names no field and value', { where: `--set ${text}`, fix: FIX });
  }
  const path = [...field.matchAll(/\[(\d+)\]|[^.[\]]+/gu)].map(([part, place]) =>
    place === undefined ? part : Number(place),
  );
  return { name: `--set ${field}`, path, value: parseValue(value, `--set ${field}`) };
}

function parseValue(text: string, where: string): unknown {
  const fix = 'Quote it for the shell, or as YAML does: \'--set name="a: b"\'.';
  try {
    const document = parseDocument(text, { prettyErrors: false });
    const [problem] = document.errors;
    if (problem !== undefined) throw problem;
    return document.toJS();
  } catch (cause) {
    throw new ModalmixError('config', `${text.trim()} is no YAML: ${(cause as Error).message}`, {
      where,
      fix,
      cause,
    });
  }
}

/**
 * @param value a parsed config, which is left as it is; groups that it lacks are made
 * @throws ModalmixError `config` for a place beyond a list's end, and for an element of what is no list
 */
export function withSettings(value: unknown, settings: readonly Setting[]): unknown {
  return settings.reduce((all, setting) => withValue(all, setting, 0), value);
}

function withValue(here: unknown, setting: Setting, depth: number): unknown {
  const key = setting.path[depth];
  if (key === undefined) return setting.value;
  if (typeof key === 'string') {
    const group = typeof here === 'object' && here !== null && !Array.isArray(here) ? here : {};
    const below: unknown = Object.hasOwn(group, key) ? (group as Record<string, unknown>)[key] : undefined;
    // Defined, not assigned: a field may be called `__proto__`, and is then refused as any unknown one.
    return Object.defineProperty({ ...group }, key, {
      ...{ value: withValue(below, setting, depth + 1) },
      ...{ enumerable: true, configurable: true, writable: true },
    });
  }
  const list: readonly unknown[] = Array.isArray(here) ? here : [];
  if (key > list.length) {
    throw new ModalmixError(
      'config',
      list.length === 0
        ? `the config has no list there: its first element is [0]`
        : `the config's list has ${String(list.length)} there: the next is [${String(list.length)}]`,
      { where: setting.name, fix: 'Set the elements before it too, or the whole list: --set field=[a, b].' },
    );
  }
  return [...list.slice(0, key), withValue(list[key], setting, depth + 1), ...list.slice(key + 1)];
}

/** The setting that put what is at `path` there, or the group around it: the last of them. */
export function settingAt(path: readonly PropertyKey[], settings: readonly Setting[]): Setting | undefined {
  const begins = (long: readonly PropertyKey[], short: readonly PropertyKey[]) =>
    short.every((key, at) => key === long[at]);
  return (
    settings.findLast((setting) => begins(path, setting.path)) ??
    (path.length === 0 ? undefined : settings.findLast((setting) => begins(setting.path, path)))
  );
}
