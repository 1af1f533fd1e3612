/** The dataset that a stream feeds: what ingest and sink must agree on. */
import type { ExtractionConfig } from '../../schemas/config/extraction-config.ts';
import { topicNames, type TopicNames } from '../../schemas/names.ts';
import type { StreamConfig } from '../../schemas/config/stream-config.ts';
import { extractionKeyOf } from './rows/feature-record.ts';

export interface StreamTarget {
  /** The dataset's name in the store. */
  readonly name: string;
  readonly classNames: readonly string[];
  readonly extraction: ExtractionConfig;
  /** `Extractor.version`. */
  readonly extractorVersion: string;
  readonly stream: StreamConfig;
}

export function topicsOf(target: StreamTarget): TopicNames {
  return topicNames(target.stream.topicPrefix);
}

export function extractionKeyOfTarget(target: StreamTarget): string {
  return extractionKeyOf(target.extraction, target.extractorVersion);
}
