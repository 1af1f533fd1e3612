import { findRunDataset, loadManifest } from '../pipelines/shards/manifest/load-manifest.ts';
import type { DatasetManifest } from '../schemas/manifest.ts';
import { ModalmixError } from '../schemas/errors.ts';
import { storePaths } from '../schemas/names.ts';
import {
  progressKeys,
  type DatasetReference,
  type FreezeStreamOutput,
  type RunReference,
} from '../schemas/workflows.ts';
import { readRunConfig } from './run-config.ts';
import { runStage, type StageContext } from './run-stage.ts';
import type { Services } from './services.ts';

/**
 * Makes the run's offset ranges of the features topic a version of the dataset, and notes it as the run's own.
 * A run that has its version takes no record again, even when they are long deleted.
 */
export async function freezeStream(services: Services, input: RunReference): Promise<FreezeStreamOutput> {
  return await runStage(progressKeys.stream, async (context) => {
    const store = services.openStore(input.storeUri);
    const before = await findRunDataset(store, input.runId);
    const manifest =
      before === undefined
        ? await materialise(services, input, context)
        : await loadManifest(store, before.name, before.version);
    const dataset: DatasetReference = { name: manifest.name, version: manifest.version };
    await store.put(storePaths.runDataset(input.runId), JSON.stringify(dataset));
    const clips = manifest.shards.reduce((rows, shard) => rows + shard.rows, 0);
    return { dataset, shards: manifest.shards.length, clips };
  });
}

async function materialise(
  services: Services,
  { storeUri, runId }: RunReference,
  { signal, onProgress }: StageContext,
): Promise<DatasetManifest> {
  const store = services.openStore(storeUri);
  const config = await readRunConfig(store, runId);
  const ranges = config.stream?.ranges;
  if (ranges === undefined) {
    throw new ModalmixError('config', 'the run names no offset ranges', {
      where: 'stream.ranges',
      fix: 'Start it with "modalmix train --from-stream".',
    });
  }
  // The Kafka client is native, and not there before streaming was set up.
  const { materialiseRanges } = await import('../pipelines/streaming/ranges/materialise-ranges.ts');
  const { streamSettings } = await import('../pipelines/streaming/stream-settings.ts');
  const { target, shares } = await streamSettings(config, (await services.extractor()).version);
  const connection = await services.kafka();
  return await materialiseRanges({ store, target, shares, ranges, connection, onProgress, signal });
}
