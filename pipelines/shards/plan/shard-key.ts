/** What shards and versions depend on, as one word: the names of their files, and the proof that a plan is as it was made. */
import { createHash } from 'node:crypto';
import type { Split } from '../../../schemas/clip.ts';
import { hashedExtraction, type ExtractionConfig } from '../../../schemas/config/extraction-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { storePaths } from '../../../schemas/names.ts';
import { SHARD_FORMAT_VERSION } from '../../../schemas/shard.ts';
import type { Store } from '../../store/store.ts';
import type { PlanClip } from './plan-file.ts';

const KEY_CHARACTERS = 32;
const VERSION_CHARACTERS = 16;

export interface ShardKeyFacts {
  readonly classNames: readonly string[];
  readonly extraction: ExtractionConfig;
  readonly extractorVersion: string;
}

/** Everything the shard's bytes depend on. Paths are not among it: a dataset may be moved. */
export function shardKey(split: Split, clips: readonly PlanClip[], facts: ShardKeyFacts): string {
  const { shard: _shard, ...extraction } = hashedExtraction(facts.extraction);
  return digest([
    SHARD_FORMAT_VERSION,
    facts.classNames,
    extraction,
    facts.extractorVersion,
    split,
    clips.map((clip) => [clip.clipId, clip.label, clip.group, contentKey(clip), clip.problem?.code]),
  ]).slice(0, KEY_CHARACTERS);
}

/** A dataset's version, from its shards' keys in their order: of the JSON text of all of them, which is never held. */
export class VersionHash {
  readonly #hash = createHash('sha256');
  #keys = 0;

  constructor({ classNames, extraction, extractorVersion }: ShardKeyFacts) {
    const facts = JSON.stringify(['dataset', classNames, hashedExtraction(extraction), extractorVersion]);
    this.#hash.update(`${facts.slice(0, -1)},[`);
  }

  add(key: string): void {
    this.#hash.update(`${this.#keys === 0 ? '' : ','}${JSON.stringify(key)}`);
    this.#keys += 1;
  }

  /** Once, after the last key. */
  version(): string {
    return this.#hash.update(']]').digest('hex').slice(0, VERSION_CHARACTERS);
  }
}

/** What a row's features depend on, beside the config. */
export function contentKey(clip: PlanClip): string {
  return JSON.stringify([clip.sourceSha256, clip.startS ?? null, clip.endS ?? null]);
}

export function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

/** What was planned has other names than its content gives. */
export function damagedPlan(plan: {
  readonly store: Store;
  readonly name: string;
  readonly version: string;
}): ModalmixError {
  const { store, name, version } = plan;
  return new ModalmixError(
    'input',
    'the plan is damaged, or of another release of Modalmix: it is not what its name says',
    {
      where: `${store.uri}/${storePaths.plan(name, version)}`,
      fix: 'Delete it and run the rebuild again.',
    },
  );
}
