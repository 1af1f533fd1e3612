import { z } from 'zod';
import { MODALITIES } from './modality-names.ts';

export { MODALITIES, type Modality } from './modality-names.ts';

export const modalitySchema = z.enum(MODALITIES);
