/** Which clips of a batch have which modality. */
import type { Modality } from '../../../schemas/modality.ts';

/** 1 where the clip has the modality, [B]. */
export type Presence = Readonly<Partial<Record<Modality, Uint8Array>>>;

export function isPresent(present: Presence, modality: Modality, row: number): boolean {
  return present[modality]?.[row] === 1;
}

export function isComplete(present: Presence, modalities: readonly Modality[]): boolean {
  return modalities.every((modality) => present[modality]?.every((flag) => flag === 1) === true);
}

/** How many of the modalities a row has. */
export function presentCount(present: Presence, modalities: readonly Modality[], row: number): number {
  return modalities.filter((modality) => isPresent(present, modality, row)).length;
}
