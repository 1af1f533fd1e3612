/**
 * What a file of an earlier release meant, in today's words. Configs are stored with every field that there was when they
 * were written: one that a stored config lacks had no name yet, and has the value that was the only way then, whatever its
 * default is today. (A person's config that lacks it means the default.)
 */
import { completedExtraction } from './config/extraction-config.ts';
import { isRecord } from './is-record.ts';
import type { Kind } from './versions.ts';

type Fields = Readonly<Record<string, unknown>>;

/** @returns the content itself where it is in today's words */
export function inTodaysWords(kind: Kind | undefined, content: unknown): unknown {
  if (!isRecord(content)) return content;
  if (kind === 'config') return completedConfig(content);
  return kind === 'experiment' && isRecord(content['base'])
    ? { ...content, base: completedConfig(content['base']) }
    : content;
}

/** Of a run, or of one training. */
function completedConfig(config: Fields): Fields {
  const { extraction, training, stream } = config;
  return {
    ...config,
    ...(isRecord(extraction) && { extraction: completedExtraction(extraction) }),
    ...(isRecord(training) && { training: completedTraining(training) }),
    ...(isRecord(stream) && { stream: completedStream(stream) }),
  };
}

/** B-MM knew one rule before the rule had a name. */
function completedTraining(training: Fields): Fields {
  const { balance } = training;
  return isRecord(balance) ? { ...training, balance: { rule: 'policy', ...balance } } : training;
}

/** Before the gate asked by tests, what was measured counted as it was. */
function completedStream(stream: Fields): Fields {
  const { retrain } = stream;
  if (!isRecord(retrain) || !isRecord(retrain['gate'])) return stream;
  return { ...stream, retrain: { ...retrain, gate: { margin: 1, level: 0.5, ...retrain['gate'] } } };
}
