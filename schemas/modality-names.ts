/** The modalities a clip can have, in the order in which bit fields and tables name them. */
export const MODALITIES = ['audio', 'rgb', 'flow'] as const;

export type Modality = (typeof MODALITIES)[number];
