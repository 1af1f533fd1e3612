/** The brokers and settings that commands of a stream work with. */
import { brokerHasBeenStarted } from '../../../infra/kafka/broker-folders.ts';
import { connectionIsNamed } from '../../../infra/kafka/is-named.ts';
import type { TargetFlags } from '../../../runs/run-workflows.ts';
import type { Screen } from '../../../runs/screen.ts';

/** Of every command of a stream: its run's config file, and what is set in it. */
export interface ConfigFlags extends TargetFlags {
  readonly config: string;
}

/** Whether there are no topics to look at: no brokers are named, and none was ever started here. */
export function nothingStreamed(): boolean {
  return !connectionIsNamed() && !brokerHasBeenStarted();
}

/** The Kafka client is loaded only once it is there: set-up builds it. */
export async function ensureParts(screen: Screen): Promise<void> {
  const { STREAM_STEPS } = await import('../../../infra/setup/main.ts');
  const { runSteps } = await import('../../../infra/setup/run-steps.ts');
  const say = (line: string) => {
    if (!line.startsWith('ok')) screen.say(line);
  };
  await runSteps(STREAM_STEPS, { engine: 'auto', say });
}

/** The brokers; what streaming needs is set up first when it is missing. */
export async function connectKafka(screen: Screen) {
  await ensureParts(screen);
  const { ensureKafka } = await import('../../../infra/kafka/ensure-kafka.ts');
  return await ensureKafka();
}
