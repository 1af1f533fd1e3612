/** A manifest as text, signed by the hash of its own content: a changed digit is told from the one that was published. */
import { createHash } from 'node:crypto';
import { ModalmixError } from '../../../schemas/errors.ts';
import {
  datasetManifestSchema,
  manifestHeadSchema,
  storedManifestSchema,
  type DatasetManifest,
  type ManifestHead,
} from '../../../schemas/manifest.ts';
import { parseStored } from '../../store/stored-json.ts';
import { ShardTotals } from './shard-totals.ts';

/** Of older manifests, which are not signed: other sums than these are no rounding. */
const TOLERANCE = 1e-6;

export function manifestText(manifest: DatasetManifest): string {
  // Parsed, so that the fields' order is the schema's, whoever put the manifest together.
  const content = datasetManifestSchema.parse(manifest);
  return `${JSON.stringify({ ...content, sha256: hashOf(content) }, undefined, 1)}\n`;
}

export function manifestHeadText(head: Omit<ManifestHead, 'sha256'>): string {
  const content = manifestHeadSchema.omit({ sha256: true }).parse(head);
  return `${JSON.stringify({ ...content, sha256: hashOf(content) }, undefined, 1)}\n`;
}

/**
 * @returns of a version of very many shards its head alone
 * @throws ModalmixError `input` when the bytes are no manifest, or not what was published
 */
export function parseManifest(bytes: Buffer, where: string): DatasetManifest | ManifestHead {
  const stored = parseStored(bytes, storedManifestSchema, where, 'remake');
  // Of the text, not of what the schema makes of it: a later release may add defaults.
  const { sha256: _, ...content } = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
  const isWhole =
    stored.formatVersion === 1 && stored.sha256 === undefined
      ? followsFromShards(stored)
      : stored.sha256 === hashOf(content);
  if (!isWhole) throw damagedManifest(where);
  if (stored.formatVersion === 2) return stored;
  const { sha256: _sha256, ...manifest } = stored;
  return manifest;
}

export function damagedManifest(where: string): ModalmixError {
  return new ModalmixError('input', 'the manifest is damaged: it is not what was published', {
    where,
    fix: 'Delete it and run the rebuild again: it is made anew from the shards.',
  });
}

function hashOf(content: object): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

function followsFromShards({
  shards,
  modalities,
  normalisation,
}: Pick<DatasetManifest, 'shards' | 'modalities' | 'normalisation'>): boolean {
  const totals = new ShardTotals(0, modalities);
  for (const shard of shards) totals.add(shard);
  const made = totals.normalisation();
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
