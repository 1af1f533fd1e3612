/** What a stream's workers work for, made once: it starts a child that extracts, and may walk the whole dataset. */
import type { StreamTarget } from '../../../pipelines/streaming/stream-target.ts';
import type { RunConfig } from '../../../schemas/config/config.ts';
import { Kept } from '../kept.ts';

const MOST_TARGETS = 50;

const targets = new Kept<StreamTarget>(MOST_TARGETS);
const versions = new Kept<string>(1);

/**
 * Anew only when the run's config is another.
 *
 * @throws ModalmixError as `streamSettings` and `createExtractor`; it is tried again at the next call
 */
export async function keptTarget(runId: string, config: RunConfig): Promise<StreamTarget> {
  return await targets.get(`${runId}\n${JSON.stringify(config)}`, async () => {
    const { streamSettings } = await import('../../../pipelines/streaming/stream-settings.ts');
    return (await streamSettings(config, await versions.get('', extractorVersion))).target;
  });
}

/** Of this process's environment, which does not change. */
async function extractorVersion(): Promise<string> {
  const { createExtractor } = await import('../../../pipelines/extraction/create-extractor.ts');
  return (await createExtractor(() => undefined)).version;
}
