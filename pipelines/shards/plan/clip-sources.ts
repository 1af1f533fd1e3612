/** The files that a clip's row is made of, in the order in which their hashes are joined. Pure. */
import type { Clip } from '../../../schemas/clip.ts';
import { hasMedia, type ExtractionConfig } from '../../../schemas/config/extraction-config.ts';
import { featureName, inOrder, isFeatures } from '../../../schemas/modality.ts';
import { isFeatureFile } from '../../datasets/media-files.ts';

export interface ClipSource {
  readonly path: string;
  readonly role:
    | { readonly kind: 'media' }
    /** A separate sound. */
    | { readonly kind: 'audio' }
    | { readonly kind: 'features'; readonly name: string };
}

/** Only what the config asks for: media that nobody decodes are not read. */
export function clipSources(
  clip: Pick<Clip, 'path' | 'audioPath' | 'features'>,
  extraction: Pick<ExtractionConfig, 'modalities'>,
): ClipSource[] {
  const { path, audioPath, features = {} } = clip;
  const wanted = inOrder(extraction.modalities).filter(isFeatures).map(featureName);
  const media = hasMedia(extraction) && !(isFeatureFile(path) && wanted.some((name) => features[name]));
  return [
    ...(media ? [{ path, role: { kind: 'media' } } as const] : []),
    ...(media && audioPath !== undefined ? [{ path: audioPath, role: { kind: 'audio' } } as const] : []),
    ...wanted.flatMap((name) => {
      const file = features[name];
      return file === undefined ? [] : [{ path: file, role: { kind: 'features', name } } as const];
    }),
  ];
}
