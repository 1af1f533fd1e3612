/** `modalmix train --from-stream`: trains and evaluates on fixed offset ranges of the features topic. */
import { loadConfig } from '../../../pipelines/config/load-config.ts';
import type { KafkaConnection } from '../../../pipelines/streaming/kafka/connection.ts';
import type { RunConfig } from '../../../schemas/config/config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { topicNames } from '../../../schemas/names.ts';
import { offsetRangeSchema, type OffsetRange } from '../../../schemas/config/stream-config.ts';
import { WORKFLOWS, workflowIds, type RebuildAndTrainInput } from '../../../schemas/workflows.ts';
import { prepared, storeRunConfig } from '../../../runs/prepare-run.ts';
import { followToEnd, runReference, startOrJoin, type FollowFlags } from '../../../runs/run-workflows.ts';
import type { Screen } from '../../../runs/screen.ts';
import { connect } from '../../../runs/session.ts';
import { targetWords } from '../../text/target-words.ts';
import { showResult } from '../../screens/show-result.ts';
import { connectKafka } from './connect.ts';
import { streamOf } from '../../../schemas/config/stream-config.ts';

export interface FromStreamFlags extends FollowFlags {
  readonly offsets?: string;
}

/**
 * The ranges become part of the run's config, and so of its id: those of the flag, else those of the file,
 * else everything that is on the topic now.
 *
 * @param configFile also one that an earlier run stored: it names its ranges
 * @throws ModalmixError `config` for ranges that are none
 */
export async function trainFromStream(
  configFile: string,
  flags: FromStreamFlags,
  screen: Screen,
): Promise<void> {
  const given = await loadConfig(configFile, flags.set);
  const asked = flags.offsets === undefined ? streamOf(given).ranges : parseRanges(flags.offsets);
  const { connection } = await connectKafka(screen);
  const ranges = asked ?? (await currentRanges(given, connection));
  const config: RunConfig = { ...given, stream: { ...streamOf(given), ranges: [...ranges] } };
  const run = prepared(config);
  const { runId } = run;
  const input: RebuildAndTrainInput = {
    ...runReference(run),
    source: 'stream',
    methods: [...new Set(config.training.methods)],
    seeds: [...new Set(config.training.seeds)],
  };
  const again = `modalmix train --from-stream ${targetWords(configFile, flags.set)} --offsets ${formatRanges(ranges)}`;
  const session = await connect(screen);
  try {
    await storeRunConfig(run);
    const workflowId = workflowIds.run(runId);
    const joined = await session.answered(
      async () => await startOrJoin(session.client, { type: WORKFLOWS.rebuildAndTrain, workflowId, input }),
    );
    screen.say(joined ? `Joined the running ${runId}` : `Started ${runId}`);
    screen.say(`The same records again: ${again}`);
    screen.event(joined ? 'joined' : 'started', { runId, store: config.store, ranges });
    const outputs = await followToEnd(session, runId, [workflowId], screen, flags, again);
    if (outputs !== undefined) await showResult(run, screen);
  } finally {
    await session.close();
  }
}

async function currentRanges(config: RunConfig, connection: KafkaConnection): Promise<OffsetRange[]> {
  const { openRangesReader } = await import('../../../pipelines/streaming/ranges/read-ranges.ts');
  const stream = streamOf(config);
  const topic = topicNames(stream.topicPrefix).features;
  const reader = await openRangesReader(connection, config.name, topic, stream);
  try {
    return await reader.currentRanges();
  } finally {
    await reader.close();
  }
}

/**
 * @param text `0:0-120,1:5-90`
 * @throws ModalmixError `config`
 */
export function parseRanges(text: string): OffsetRange[] {
  return text.split(',').map((part) => {
    const [, partition, from, to] = /^\s*(\d+):(\d+)-(\d+)\s*$/u.exec(part) ?? [];
    const parsed = offsetRangeSchema.safeParse({
      partition: Number(partition),
      from: Number(from),
      to: Number(to),
    });
    if (parsed.success) return parsed.data;
    throw new ModalmixError('config', `"${part}" is no range of offsets`, {
      where: '--offsets',
      fix: 'Write partition:from-to with from ≤ to, for example 0:0-120,1:5-90; "to" is not included.',
    });
  });
}

function formatRanges(ranges: readonly OffsetRange[]): string {
  return ranges
    .map(({ partition, from, to }) => `${String(partition)}:${String(from)}-${String(to)}`)
    .join(',');
}
