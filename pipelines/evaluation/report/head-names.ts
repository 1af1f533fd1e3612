import type { Modality } from '../../../schemas/modality.ts';

const HEAD_NAMES: Readonly<Record<Modality | 'fused', string>> = {
  audio: 'Audio',
  rgb: 'Video',
  flow: 'Flow',
  fused: 'Fused',
};

/** What the page calls a modality's branch, or all of them together. */
export function headName(head: Modality | 'fused'): string {
  return HEAD_NAMES[head];
}
