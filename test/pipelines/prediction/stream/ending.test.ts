/** A predict worker that cannot go on says so and ends. */
import { expect, test } from 'vitest';
import { createExtractor } from '../../../../pipelines/extraction/create-extractor.ts';
import { runAnswering } from '../../../../pipelines/prediction/stream/run-answering.ts';
import { SILENT_LOG } from '../../../../pipelines/streaming/log.ts';
import { ensureTopics } from '../../../../pipelines/streaming/kafka/topics.ts';
import { StreamMetrics } from '../../../../pipelines/streaming/metrics.ts';
import { brokerOfFile, createStream } from '../../../support/stream-fixture.ts';
import { makeTinyClips } from '../../../support/tiny-clips.ts';

const PATIENCE_MS = 300_000;
const broker = brokerOfFile(PATIENCE_MS);

test(
  'topics that do not fit the config end it with what is wrong, while no version is current',
  async () => {
    const clips = await makeTinyClips({ clipsPerClass: 1 });
    const stream = await createStream(broker.home, 'ends', clips, await createExtractor(() => undefined));
    const { target } = stream.settings;
    const connection = await stream.connection();
    const others = { ...target.stream, topics: { ...target.stream.topics, partitions: 2 } };
    await ensureTopics(connection, others, () => undefined, true);
    await expect(
      runAnswering({
        ...{ target, store: stream.store, model: 'none', workerId: 'a', log: SILENT_LOG },
        connect: () => Promise.resolve(connection),
        metrics: new StreamMetrics('predict'),
        signal: new AbortController().signal,
      }),
    ).rejects.toMatchObject({ kind: 'config' });
  },
  PATIENCE_MS,
);
