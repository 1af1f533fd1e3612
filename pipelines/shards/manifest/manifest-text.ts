/** A manifest as text, signed by the hash of its own content: a changed digit is told from the one that was published. */
import { createHash } from 'node:crypto';
import { ModalmixError } from '../../../schemas/errors.ts';
import {
  datasetManifestSchema,
  storedManifestSchema,
  type ChannelSums,
  type DatasetManifest,
  type Normalisation,
  type ShardEntry,
} from '../../../schemas/manifest.ts';
import type { Modality } from '../../../schemas/modality.ts';
import { parseStored } from '../../store/stored-json.ts';
import { addSums, normalisationOf } from '../native/channel-sums.ts';

/** Of older manifests, which are not signed: other sums than these are no rounding. */
const TOLERANCE = 1e-6;

export function manifestText(manifest: DatasetManifest): string {
  // Parsed, so that the fields' order is the schema's, whoever put the manifest together.
  const content = datasetManifestSchema.parse(manifest);
  return `${JSON.stringify({ ...content, sha256: hashOf(content) }, undefined, 1)}\n`;
}

/** @throws ModalmixError `input` when the bytes are no manifest, or not what was published */
export function parseManifest(bytes: Buffer, where: string): DatasetManifest {
  const { sha256, ...manifest } = parseStored(bytes, storedManifestSchema, where, 'remake');
  // Of the text, not of what the schema makes of it: a later release may add defaults.
  const { sha256: _, ...content } = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
  const isWhole = sha256 === undefined ? followsFromShards(manifest) : sha256 === hashOf(content);
  if (isWhole) return manifest;
  throw new ModalmixError('input', 'the manifest is damaged: it is not what was published', {
    where,
    fix: 'Delete it and run the rebuild again: it is made anew from the shards.',
  });
}

function hashOf(content: object): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

/** Mean and deviation over the training shards of each modality that they have. */
export function normalise(
  shards: readonly ShardEntry[],
  modalities: readonly Modality[],
): Partial<Record<Modality, Normalisation>> {
  const normalisation: Partial<Record<Modality, Normalisation>> = {};
  for (const modality of modalities) {
    let sums: ChannelSums | undefined;
    for (const shard of shards) {
      const own = shard.sums[modality];
      if (shard.split === 'train' && own !== undefined) sums = addSums(sums, own);
    }
    if (sums !== undefined) normalisation[modality] = normalisationOf(sums);
  }
  return normalisation;
}

function followsFromShards({ shards, modalities, normalisation }: DatasetManifest): boolean {
  const made = normalise(shards, modalities);
  return modalities.every((modality) => {
    const [one, other] = [made[modality], normalisation[modality]];
    return (
      one === other ||
      (one !== undefined && other !== undefined && isNear(one.mean, other.mean) && isNear(one.std, other.std))
    );
  });
}

function isNear(one: readonly number[], other: readonly number[]): boolean {
  return (
    one.length === other.length &&
    one.every((value, i) => Math.abs(value - other[i]!) <= TOLERANCE * Math.max(1, Math.abs(value)))
  );
}
