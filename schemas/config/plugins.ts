/** `plugins` of the config: parts that Modalmix does not have itself, in files of their own. What they look like: docs/plugins.md. */
import { z } from 'zod';

/** A name that a plug-in brings; no name of our own ever begins like this. */
export const pluginNameSchema = z.templateLiteral(['x-', z.string().regex(/^[a-z0-9-]+$/)]);
export type PluginName = z.infer<typeof pluginNameSchema>;

export function isPluginName(name: string | undefined): name is PluginName {
  return name?.startsWith('x-') === true;
}

export const PLUGIN_KINDS = ['methods', 'encoders', 'fusions', 'optimizers', 'datasets'] as const;
export type PluginKind = (typeof PLUGIN_KINDS)[number];

const settings = z.record(z.string(), z.unknown());
const sha256 = z.string().regex(/^[0-9a-f]{64}$/u, 'must be 64 lower-case hexadecimal digits');

export const pluginSchema = z.union([
  /** The path alone: no settings. */
  z.string().transform((file): PluginConfig => ({ file, settings: {} })),
  z.strictObject({
    /** TypeScript or JavaScript; a relative path starts at the config file's folder. */
    file: z.string(),
    /** What the plug-in's own `settings` allows. */
    settings: settings.default({}),
    /** Of the plug-in's code, bundled; filled in when the config is read, as is `brings`. */
    sha256: sha256.optional(),
    /** The names it brings, by kind. */
    brings: z.partialRecord(z.enum(PLUGIN_KINDS), z.array(pluginNameSchema)).optional(),
  }),
]);

export interface PluginConfig {
  file: string;
  settings: Record<string, unknown>;
  sha256?: string | undefined;
  brings?: Partial<Record<PluginKind, PluginName[]>> | undefined;
}

/** A plug-in as a training knows it: wherever its file lay. */
export const pluginReferenceSchema = z.strictObject({
  /** Of its file, for messages. */
  name: z.string(),
  /** Of its code, bundled. */
  sha256,
  /** What the plug-in's own `settings` allows. */
  settings,
});
export type PluginReference = z.infer<typeof pluginReferenceSchema>;
