/** What a clip is seen and heard by. No schema library here: threads read this file. */

/** What is extracted from a clip's own media, in the order in which bit fields and tables name them. */
export const MEDIA_MODALITIES = ['audio', 'rgb', 'flow'] as const;
export type MediaModality = (typeof MEDIA_MODALITIES)[number];

/** Vectors that were computed elsewhere, by the name that the config gives them: `features:clip`. */
export type FeatureModality = `features:${string}`;

export type Modality = MediaModality | FeatureModality;

const FEATURES = 'features:';
/** What a set of features may be called: it names files, columns and parameters. */
export const FEATURE_NAME = /^[a-z0-9][a-z0-9_-]{0,31}$/u;
/** As many as a row's bit field of missing modalities has room for beside the media. */
export const MOST_FEATURES = 8 - MEDIA_MODALITIES.length;

export function isFeatures(modality: string): modality is FeatureModality {
  return modality.startsWith(FEATURES);
}

export function featuresNamed(name: string): FeatureModality {
  return `${FEATURES}${name}`;
}

/** `clip` of `features:clip`. */
export function featureName(modality: FeatureModality): string {
  return modality.slice(FEATURES.length);
}

/** Each once, in the order in which everything names them: the media's, then features by name. */
export function inOrder(modalities: Iterable<Modality>): Modality[] {
  const given = new Set(modalities);
  const features = [...given].filter(isFeatures).sort();
  return [...MEDIA_MODALITIES.filter((one) => given.has(one)), ...features];
}

/**
 * The bit of a row's `missing` that stands for a modality.
 *
 * @param dataset all modalities of the dataset: features are numbered by their names' order in it
 */
export function modalityBit(modality: Modality, dataset: readonly Modality[]): number {
  const place = isFeatures(modality)
    ? MEDIA_MODALITIES.length + dataset.filter(isFeatures).sort().indexOf(modality)
    : MEDIA_MODALITIES.indexOf(modality);
  return 1 << place;
}

/** The modalities that any of the records has something for, in order. */
export function modalitiesOf(
  records: Iterable<Partial<Readonly<Record<Modality, unknown>>> | undefined>,
): Modality[] {
  return inOrder([...records].flatMap((record) => Object.keys(record ?? {}) as Modality[]));
}

/** What a record has for its modalities, typed. */
export function entriesOf<T>(record: Partial<Readonly<Record<Modality, T>>>): [Modality, T][] {
  return (Object.entries(record) as [Modality, T | undefined][]).flatMap(([modality, value]) =>
    value === undefined ? [] : [[modality, value]],
  );
}
