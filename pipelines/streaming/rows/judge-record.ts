/** What a record of the features topic means for the rows there are: the one place for these rules. */
import type { Message } from 'node-rdkafka';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { ExtractionConfig } from '../../../schemas/config/extraction-config.ts';
import type { DeadLetterCode, StreamRow } from '../../../schemas/stream.ts';
import { chooseSplit, type SplitShares } from './choose-split.ts';
import { featureProblem } from './feature-problem.ts';
import { decodeFeatureRecord, type FeatureRecord } from './feature-record.ts';
import type { RowPlace, StreamIndex } from './stream-index.ts';

export interface JudgingRules {
  /** Records that were ingested for another dataset are foreign. */
  readonly name: string;
  readonly classNames: readonly string[];
  /** Records of others are foreign. */
  readonly extractionKey: string;
  /** What the dataset's rows are made by. */
  readonly extraction: ExtractionConfig;
  /** How clips are split that no event, no earlier row and no group decides. */
  readonly shares: SplitShares;
}

export type Judgement =
  | {
      readonly as: 'row';
      readonly row: StreamRow;
      readonly features: FeatureRecord['features'];
      /** The stream's own row that this one replaces. */
      readonly replaced?: RowPlace;
    }
  | {
      readonly as: 'duplicate';
      /** The clip whose row is as new as this record now; absent where it was not older. */
      readonly confirmed?: Confirmation;
    }
  | { readonly as: 'outdated' | 'foreign' | 'unlabelled' }
  | { readonly as: 'dead-letter'; readonly code: DeadLetterCode; readonly reason: string };

export interface Confirmation {
  readonly clipId: string;
  /** Milliseconds since 1970 of the event's `sentAt`. */
  readonly sentAtMs: number;
}

/** Looks the record up and leaves the index as it is: whoever writes the row sets it there. */
export function judgeRecord(message: Message, index: StreamIndex, rules: JudgingRules): Judgement {
  let record: FeatureRecord;
  try {
    if (message.value === null) throw new ModalmixError('input', 'the record has no value');
    record = decodeFeatureRecord(message.value);
  } catch (error) {
    if (!(error instanceof ModalmixError) || error.kind !== 'input') throw error;
    return { as: 'dead-letter', code: 'invalid-record', reason: error.message };
  }
  const isOurs = record.dataset === undefined || record.dataset === rules.name;
  if (!isOurs || record.extractionKey !== rules.extractionKey) return { as: 'foreign' };
  if (record.label === undefined) return { as: 'unlabelled' };
  const label = rules.classNames.indexOf(record.label);
  if (label < 0) {
    return { as: 'dead-letter', code: 'unknown-label', reason: `there is no class "${record.label}"` };
  }
  const problem = featureProblem(record.features, rules.extraction);
  if (problem !== undefined) {
    return {
      as: 'dead-letter',
      code: 'invalid-record',
      reason: `the feature record is not valid: ${problem}`,
    };
  }
  const sentAtMs = Date.parse(record.sentAt);
  const { clipId, contentHash, group, features } = record;
  const verdict = index.judge({ clipId, label, split: record.split, contentHash, sentAtMs });
  if (verdict.kind === 'duplicate') {
    return { as: 'duplicate', ...(verdict.newer ? { confirmed: { clipId, sentAtMs } } : {}) };
  }
  if (verdict.kind === 'outdated') return { as: 'outdated' };
  const split = index.splitOf(clipId, group, record.split) ?? chooseSplit(clipId, group, rules.shares);
  const { partition, offset } = message;
  const row: StreamRow = {
    ...{ clipId, label, split },
    ...(group === undefined ? {} : { group }),
    ...{ contentHash, sentAtMs, partition, offset },
  };
  const replaced = verdict.kind === 'supersedes' ? verdict.old.place : undefined;
  return { as: 'row', row, features, ...(replaced === undefined ? {} : { replaced }) };
}

/** Makes `row` the one that counts for its clip. */
export function setRow(index: StreamIndex, row: StreamRow, place: RowPlace): void {
  const { clipId, label, split, group, contentHash, sentAtMs } = row;
  index.set(clipId, {
    ...{ label, split, contentHash, sentAtMs, place },
    ...(group === undefined ? {} : { group }),
  });
}
