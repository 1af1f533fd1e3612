/** `modalmix export`: a trained model as files for other programs. */
import { resolve } from 'node:path';
import { runExport } from '../../pipelines/export/run-export.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { EXPORT_FORMATS, EXPORT_MANIFEST } from '../../schemas/exported-model.ts';
import type { Screen } from '../../runs/screen.ts';
import { chosenByFlags, type ChoiceFlags } from './predict.ts';

export interface ExportFlags extends Omit<ChoiceFlags, 'run' | 'model'> {
  readonly format: string;
  readonly out: string;
}

/**
 * @param target id of a run or a training, or `<model>[@version]`; absent: as `predict` chooses
 * @throws ModalmixError as `chooseModel` and `runExport`
 */
export async function exportCommand(
  target: string | undefined,
  flags: ExportFlags,
  screen: Screen,
): Promise<void> {
  const format = EXPORT_FORMATS.find((one) => one === flags.format);
  if (format === undefined) {
    throw new ModalmixError('config', `"${flags.format}" is no format`, {
      where: '--format',
      fix: `Formats: ${EXPORT_FORMATS.join(', ')}.`,
    });
  }
  const { store, chosen } = await chosenByFlags(flags, target);
  const folder = resolve(flags.out);
  const manifest = await runExport({ storeUri: store.uri, chosen, format, folder });
  const mib = manifest.files.reduce((sum, { bytes }) => sum + bytes, 0) / 2 ** 20;
  screen.say(
    `${manifest.trainingId}, epoch ${String(manifest.epoch)}, as ${format} in ${folder} (${mib.toFixed(1)} MiB).\n` +
      `${EXPORT_MANIFEST} there says what goes in and comes out.`,
  );
  screen.event('exported', { folder, manifest });
}
