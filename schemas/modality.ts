import { z } from 'zod';
import { MODALITIES, type Modality } from './modality-names.ts';

export { MODALITIES, type Modality } from './modality-names.ts';

export const modalitySchema = z.enum(MODALITIES);

/** A number for each modality that has one. */
export type PerModality = Partial<Record<Modality, number>>;
