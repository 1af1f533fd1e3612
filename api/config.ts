/** A run's config as a program writes it. */
import type { z } from 'zod';
import type { runConfigSchema, RunConfig } from '../schemas/config/config.ts';

/** What a config file may say: every field that has a default may be left out. */
export type ConfigInput = z.input<typeof runConfigSchema>;
/** With every default filled in and every path absolute. */
export type { RunConfig };

/** The config itself: the call gives an editor its types. It is checked when it is used. */
export function defineConfig(config: ConfigInput): ConfigInput {
  return config;
}
