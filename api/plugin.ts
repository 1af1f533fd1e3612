/** What a plug-in's file exports by default: `export default { … } satisfies Plugin`. Described in docs/plugins.md. */
import type { PluginDatasets } from '../pipelines/datasets/plugin-dataset.ts';
import type { TrainingParts } from '../pipelines/training/plugin-kit.ts';

export type { PluginKit } from '../pipelines/training/plugin-kit.ts';
export type { DatasetKit } from '../pipelines/datasets/plugin-dataset.ts';

/** Every part's name begins with `x-`. */
export interface Plugin<Settings = unknown> extends TrainingParts<Settings>, PluginDatasets<Settings> {
  /**
   * Checks `settings` of the config and fills in defaults; a schema of zod is one. Absent: there are none.
   *
   * @throws Error whose message says what is wrong
   */
  readonly settings?: { parse(given: unknown): Settings };
}
