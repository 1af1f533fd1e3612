import { z } from 'zod';
import { FEATURE_NAME, MEDIA_MODALITIES, type FeatureModality, type Modality } from './modality-names.ts';

export * from './modality-names.ts';

/** Why a text is no modality. */
const PROBLEM = `must be ${MEDIA_MODALITIES.join(', ')} or features:<name>`;

/** `clip` of `features:clip`. */
export const featureNameSchema = z
  .string()
  .regex(FEATURE_NAME, 'use lower-case letters, digits, "_" and "-", at most 32');

export const featureModalitySchema = z.templateLiteral(['features:', z.string().regex(FEATURE_NAME)]);

export const modalitySchema = z.union([z.enum(MEDIA_MODALITIES), featureModalitySchema], PROBLEM);

/** A number for each modality that has one. */
export type PerModality = Partial<Record<Modality, number>>;
/** D, the length of a vector, of each set of features. */
export type FeatureDims = Readonly<Partial<Record<FeatureModality, number>>>;
