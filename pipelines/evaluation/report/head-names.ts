import { featureName, isFeatures, type MediaModality, type Modality } from '../../../schemas/modality.ts';

const HEAD_NAMES: Readonly<Record<MediaModality | 'fused', string>> = {
  audio: 'Audio',
  rgb: 'Video',
  flow: 'Flow',
  fused: 'Fused',
};

/** What the page calls a modality's branch, or all of them together. */
export function headName(head: Modality | 'fused'): string {
  return isFeatures(head) ? `${featureName(head)} features` : HEAD_NAMES[head];
}
