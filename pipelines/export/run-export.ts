/** Exports in a child process, which may load TensorFlow. Loads none itself. */
import { z } from 'zod';
import {
  exportFormatSchema,
  exportManifestSchema,
  type ExportManifest,
} from '../../schemas/exported-model.ts';
import { chosenModelSchema } from '../../schemas/prediction.ts';
import { runTensorflowChild } from '../engine/tensorflow-child.ts';
import { checkReplaceable } from './replace-folder.ts';

export const exportInputSchema = z.strictObject({
  storeUri: z.string(),
  chosen: chosenModelSchema,
  format: exportFormatSchema,
  /** Absolute. */
  folder: z.string(),
});
export type ExportInput = z.infer<typeof exportInputSchema>;

/** @throws ModalmixError whatever `exportModel` throws; `transient` when the child died */
export async function runExport(input: ExportInput): Promise<ExportManifest> {
  await checkReplaceable(input.folder);
  const { threads } = input.chosen.spec.training;
  const output = await runTensorflowChild(new URL('./exporter-child.ts', import.meta.url), input, {
    threads,
  });
  return exportManifestSchema.parse(output);
}
