import { afterAll, beforeAll, expect, it } from 'vitest';
import { ensureKafka, stopKafka } from '../../infra/kafka/ensure-kafka.ts';
import { fetchJars } from '../../infra/kafka/fetch-jars.ts';
import { loadConfig } from '../../pipelines/config/load-config.ts';
import { createExtractor } from '../../pipelines/extraction/create-extractor.ts';
import { streamSettings } from '../../pipelines/streaming/stream-settings.ts';
import { ensureTopics } from '../../pipelines/streaming/kafka/topics.ts';
import { summarySchema } from '../../schemas/summary.ts';
import { featureRow, sendFeatureRows } from '../support/feature-rows.ts';
import { runFiles, weights } from '../support/observe.ts';
import { createProject, tinyConfig, type Project } from '../support/project.ts';

const CLIPS = 40;

let project: Project;

beforeAll(async () => {
  project = await createProject();
  await fetchJars();
  await ensureKafka();
}, 300_000);
afterAll(async () => {
  await stopKafka();
  await project.end();
}, 60_000);

it('trains on what is on the topic, with no clip file there; the same offsets are the same run', async () => {
  const config = await project.config('streamed', {
    ...tinyConfig('/nowhere', 'streamed', { epochs: 2 }),
    dataset: {
      format: 'folder',
      root: '/nowhere',
      classes: ['high', 'low'],
      testShare: 0.3,
      validationShare: 0,
    },
    stream: { topicPrefix: 'streamed', topics: { partitions: 2 }, allowedRoots: [project.folder] },
  });
  const { connection } = await ensureKafka();
  const extractor = await createExtractor(console.warn);
  const { target } = await streamSettings(await loadConfig(config), extractor.version);
  await ensureTopics(connection, target.stream);
  const rows = Array.from({ length: CLIPS + 1 }, (_, index) => featureRow(target, index));
  await sendFeatureRows(connection, target, rows.slice(0, CLIPS));

  const first = await project.modalmix('train', config, '--from-stream');
  expect(first.stderr).toBe('');
  expect(first.exitCode).toBe(0);
  expect(first.stdout).toMatch(/✔ read the stream: 40\/40 clips/u);
  const offsets = /--offsets (\S+)/u.exec(first.stdout)![1]!;
  const store = project.store('streamed');
  const trained = await weights(store);
  expect(trained).toHaveLength(1);
  const summaryFile = (await runFiles(store, /\/summary\.json$/u))[0]!;
  const summary = summarySchema.parse(JSON.parse((await store.get(summaryFile)).toString()));
  expect(summary.testClips).toBeGreaterThan(0);

  await sendFeatureRows(connection, target, rows.slice(CLIPS));
  const again = await project.modalmix('train', config, '--offsets', offsets);
  expect(again.exitCode).toBe(0);
  expect(await weights(store)).toEqual(trained);
  // The config that the first one stored names its ranges.
  const stored = await store.localFile(
    (await runFiles(store, /^runs\/tiny-[0-9a-f]{8}\/config\.json$/u))[0]!,
  );
  const repeated = await project.modalmix('train', stored, '--from-stream');
  expect(repeated.stderr).toBe('');
  expect(repeated.exitCode).toBe(0);
  expect(await weights(store)).toEqual(trained);

  const wrong = await project.modalmix('train', config, '--offsets', '0:9');
  expect(wrong.exitCode).toBe(2);
  expect(wrong.stderr).toContain('"0:9" is no range of offsets');
}, 300_000);
