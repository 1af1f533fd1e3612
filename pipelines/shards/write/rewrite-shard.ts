/** A shard without some of its rows: a new file under a key of its own; the old one stays as it is. */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hashedExtraction, type ExtractionConfig } from '../../../schemas/config/extraction-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { ShardEntry } from '../../../schemas/manifest.ts';
import { storePaths } from '../../../schemas/names.ts';
import { SHARD_FORMAT_VERSION, shardSchema } from '../../../schemas/shard.ts';
import type { Store } from '../../store/store.ts';
import { readShardColumns } from '../read/shard-columns.ts';
import { findShard } from '../manifest/shard-entries.ts';
import { ShardFile } from '../read/shard-file.ts';
import { ShardTally } from './shard-tally.ts';
import { ShardWriter } from './shard-writer.ts';

export interface RewriteShardInput {
  readonly store: Store;
  /** The dataset's name in the store; the new shard lies with the dataset's own. */
  readonly name: string;
  readonly entry: ShardEntry;
  /** Row numbers; at least one stays. */
  readonly dropped: ReadonlySet<number>;
  readonly classNames: readonly string[];
  readonly extraction: ExtractionConfig;
  readonly extractorVersion: string;
  readonly signal?: AbortSignal;
}

const KEY_CHARACTERS = 32;

/**
 * Writes the shard and then its entry; one that is complete is left untouched. The same rows of the same
 * file give the same bytes.
 *
 * @throws ModalmixError `input` when the old file is gone or damaged, `cancelled` on the signal
 */
export async function rewriteShard(input: RewriteShardInput): Promise<ShardEntry> {
  const { store, name, entry } = input;
  const key = rewrittenKey(input);
  const existing = await findShard(store, name, entry.split, key);
  if (existing !== undefined) return existing;
  const scratch = await store.scratchFolder();
  try {
    const written = await writeRows(input, key, join(scratch, 'shard.arrow'));
    await store.put(storePaths.shardEntry(name, entry.split, key), `${JSON.stringify(written)}\n`);
    return written;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Everything the new bytes depend on. */
function rewrittenKey({ entry, dropped, ...input }: RewriteShardInput): string {
  const { shard: _shard, limits: _limits, ...features } = hashedExtraction(input.extraction);
  const facts = [
    'rewritten',
    SHARD_FORMAT_VERSION,
    input.classNames,
    features,
    input.extractorVersion,
    [entry.split, entry.key, entry.sha256],
    [...dropped].sort((a, b) => a - b),
  ];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, KEY_CHARACTERS);
}

async function writeRows(input: RewriteShardInput, key: string, localFile: string): Promise<ShardEntry> {
  const { store, name, entry, dropped, classNames, extraction, signal } = input;
  const identities = await readShardColumns(store, entry);
  const tally = new ShardTally(classNames.length, extraction.modalities);
  const old = await ShardFile.open(store, entry, extraction.modalities);
  try {
    const writer = await ShardWriter.create(localFile, shardSchema(input));
    try {
      for (const [row, { label, ...identity }] of identities.entries()) {
        if (signal?.aborted === true) throw new ModalmixError('cancelled', 'rewriting was asked to stop');
        if (dropped.has(row)) continue;
        const features = old.read(row);
        await writer.append({ ...identity, label, ...features });
        tally.add(label, features);
      }
      const written = await writer.finish();
      const path = storePaths.shard(name, entry.split, key);
      await store.putFile(path, localFile);
      const { split, quarantined } = entry;
      return { path, split, key, ...written, ...tally.totals(), quarantined };
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  } finally {
    old.close();
  }
}
