/** The features of a clip that no dataset lists: files of its name beside it. */
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import type { Clip } from '../../../schemas/clip.ts';
import { featureName, isFeatures, type Modality } from '../../../schemas/modality.ts';
import { featureFile } from '../../datasets/media-files.ts';

/**
 * @param path of a media file or a folder of frames, or of one of the features' own files
 * @returns `<clip>.<name>.npy` of each set of features among the modalities, where it is there
 */
export async function featuresBeside(
  path: string,
  modalities: readonly Modality[],
): Promise<NonNullable<Clip['features']>> {
  const stem = featureFile(path)?.stem ?? path.slice(0, path.length - extname(path).length);
  const files = await Promise.all(
    modalities.filter(isFeatures).map(async (modality) => {
      const name = featureName(modality);
      const file = `${stem}.${name}.npy`;
      return (await stat(file).catch(() => undefined))?.isFile() === true ? [[name, file] as const] : [];
    }),
  );
  return Object.fromEntries(files.flat());
}
