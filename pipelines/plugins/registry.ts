/** The plug-ins of this process: what they bring, by name, with their settings. Their types are the stages' that use them. */
import { z } from 'zod';
import {
  PLUGIN_KINDS,
  pluginNameSchema,
  type PluginKind,
  type PluginName,
  type PluginReference,
} from '../../schemas/config/plugins.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import { importPlugin, pluginCode } from './plugin-code.ts';

/** A part that a plug-in brings; what it is given after kit and settings, and what it gives, is its kind's. */
type Part = (kit: object, settings: unknown, ...given: never[]) => unknown;

const partsSchema = z.record(
  pluginNameSchema,
  z.custom<Part>((part) => typeof part === 'function', 'must be a function'),
);
/** A part that has kit and settings: the caller knows its kind's function. */
export type CreatePart = (...given: never[]) => unknown;
/** What a plug-in exports by default. */
const pluginSchema = z.strictObject({
  settings: z
    .custom<{ parse(given: unknown): unknown }>(
      (one) => typeof (one as { parse?: unknown } | undefined)?.parse === 'function',
      'must have a function "parse", as a schema of zod has',
    )
    .optional(),
  methods: partsSchema.optional(),
  encoders: partsSchema.optional(),
  fusions: partsSchema.optional(),
  optimizers: partsSchema.optional(),
  datasets: partsSchema.optional(),
} satisfies Record<PluginKind | 'settings', z.ZodType>);

export interface LoadedPlugin {
  readonly reference: PluginReference;
  /** As the plug-in's own `settings` gives them. */
  readonly settings: unknown;
  readonly parts: Readonly<Partial<Record<PluginKind, Readonly<Record<PluginName, Part>> | undefined>>>;
}

/** By hash and settings. */
const loaded = new Map<string, Promise<LoadedPlugin>>();
/** What names mean in this process, by kind and name. */
const inUse = new Map<string, { readonly plugin: LoadedPlugin; readonly kit: object }>();

/**
 * @param read of the store's blobs; not asked for code that this process has bundled
 * @throws ModalmixError `config` naming the plug-in: it is none, or its settings are not what it allows; as `importPlugin`
 */
export async function loadPlugin(
  reference: PluginReference,
  read: (path: string) => Promise<Uint8Array>,
): Promise<LoadedPlugin> {
  const key = JSON.stringify([reference.sha256, reference.settings]);
  const loading = loaded.get(key) ?? load(reference, read);
  loaded.set(key, loading);
  return await loading.catch((error: unknown) => {
    loaded.delete(key);
    throw error;
  });
}

/**
 * Gives the names that these plug-ins bring their meaning in this process.
 *
 * @param kit what their parts are given to work with
 * @throws ModalmixError as `loadPlugin`; `config` when a name has another meaning already
 */
export async function usePlugins(
  references: readonly PluginReference[] = [],
  read: (path: string) => Promise<Uint8Array>,
  kit: object,
): Promise<void> {
  for (const reference of references) {
    const plugin = await loadPlugin(reference, read);
    for (const kind of PLUGIN_KINDS) {
      for (const name of Object.keys(plugin.parts[kind] ?? {})) use(`${kind} ${name}`, plugin, kit);
    }
  }
}

function use(key: string, plugin: LoadedPlugin, kit: object): void {
  const before = inUse.get(key)?.plugin;
  if (before !== undefined && before !== plugin) {
    throw new ModalmixError('config', `two plug-ins, or versions of one, bring ${key.split(' ')[1]!}`, {
      where: `${before.reference.name}, ${plugin.reference.name}`,
      fix: 'Give one of them another name; models of two versions cannot be compared in one process.',
    });
  }
  inUse.set(key, { plugin, kit });
}

/**
 * What a plug-in in use brings under a name. Errors in it, and in what it returns, name the plug-in.
 *
 * @returns the kind's function, less kit and settings
 * @throws ModalmixError `config` when none brings it
 */
export function pluginPart(kind: PluginKind, name: PluginName): CreatePart {
  const found = inUse.get(`${kind} ${name}`);
  if (found === undefined) {
    throw new ModalmixError('config', `no plug-in in use brings ${name} as one of its ${kind}`, {
      fix: 'Name its file in the config’s "plugins".',
    });
  }
  return partOf(found.plugin, kind, name, found.kit);
}

/** As `pluginPart`, of a plug-in that was loaded. */
export function partOf(plugin: LoadedPlugin, kind: PluginKind, name: PluginName, kit: object): CreatePart {
  const part = plugin.parts[kind]![name]!;
  return (...given) =>
    watched(
      guarded(plugin, name, () => part(kit, plugin.settings, ...given)),
      plugin,
      name,
    );
}

/** An object whose methods' errors name the plug-in; anything else as it is. */
function watched<T>(value: T, plugin: LoadedPlugin, name: string): T {
  if (value instanceof Promise) {
    return value.catch((error: unknown) => {
      throw namedError(error, plugin, name);
    }) as T;
  }
  if (typeof value === 'function') {
    const call = value as unknown as (...given: unknown[]) => unknown;
    return ((...given: unknown[]) =>
      watched(
        guarded(plugin, name, () => call(...given)),
        plugin,
        name,
      )) as unknown as T;
  }
  if (value === null || typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  return new Proxy(value, {
    get: (target, key) => {
      const found: unknown = Reflect.get(target, key);
      if (typeof found !== 'function') return found;
      return (...given: unknown[]): unknown =>
        guarded(plugin, `${name}, ${String(key)}`, (): unknown => Reflect.apply(found, target, given));
    },
  });
}

function guarded<T>(plugin: LoadedPlugin, place: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw namedError(error, plugin, place);
  }
}

function namedError(error: unknown, { reference }: LoadedPlugin, place: string): ModalmixError {
  const where = `the plug-in ${reference.name} (${place})`;
  if (error instanceof ModalmixError && error.where?.startsWith('the plug-in ') === true) return error;
  const fix = error instanceof ModalmixError ? error.fix : undefined;
  const facts = { where, cause: error, ...(fix === undefined ? {} : { fix }) };
  const kind = error instanceof ModalmixError ? error.kind : 'config';
  const named = new ModalmixError(kind, error instanceof Error ? error.message : String(error), facts);
  if (error instanceof Error && error.stack !== undefined) named.stack = error.stack;
  return named;
}

async function load(
  reference: PluginReference,
  read: (path: string) => Promise<Uint8Array>,
): Promise<LoadedPlugin> {
  const { name, sha256 } = reference;
  const code = pluginCode(sha256) ?? (await read(storePaths.plugin(sha256)));
  const parsed = pluginSchema.safeParse(await importPlugin(code, name, sha256));
  if (!parsed.success) {
    throw new ModalmixError(
      'config',
      `what the plug-in exports by default is none:\n${z.prettifyError(parsed.error)}`,
      {
        where: name,
        fix: 'See docs/plugins.md.',
      },
    );
  }
  const { settings, ...parts } = parsed.data;
  if (settings === undefined && Object.keys(reference.settings).length > 0) {
    throw new ModalmixError('config', 'the plug-in has no settings', { where: name, fix: 'Leave them out.' });
  }
  try {
    return { reference, parts, settings: settings?.parse(reference.settings) ?? {} };
  } catch (cause) {
    const issues = (cause as { issues?: unknown }).issues;
    const told = Array.isArray(issues)
      ? issues.map(
          ({ path, message }: { path: string[]; message: string }) => `${path.join('.')}: ${message}`,
        )
      : [cause instanceof Error ? cause.message : String(cause)];
    throw new ModalmixError('config', `its settings are wrong: ${told.join('; ')}`, { where: name, cause });
  }
}
