/** A worker as a process: options from the command line, the server from the environment, SIGTERM to stop. */
import { rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { TrainingPlaces } from '../../pipelines/engine/training-places.ts';
import { extractorSource } from '../../pipelines/extraction/create-extractor.ts';
import { ClipTurns } from '../../pipelines/shards/write/clip-turns.ts';
import { parseSlots, type Slots } from '../../pipelines/process/machine/plan-work.ts';
import { withoutSecrets } from '../../pipelines/process/secrets.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { EXIT_CODES, ModalmixError, describeError, exitCodeOf } from '../../schemas/errors.ts';
import { TASK_QUEUES } from '../../schemas/names.ts';
import { cacheFolder } from '../folders.ts';
import { standardLog } from '../standard-log.ts';
import { ensureTemporal } from '../temporal/ensure-temporal.ts';
import { protectionOf, unsignedWarning } from '../temporal/protection.ts';
import { untilSignalled } from './until-signalled.ts';
import { askedSlots, workPlan } from './work-plan.ts';
import { runWorkers, type QueueName } from './worker.ts';

export interface WorkerProcessOptions {
  readonly queues: readonly QueueName[];
  /** That are asked for; the others follow from the machine. */
  readonly slots: Partial<Slots>;
  readonly metricsAddress?: string;
  /** A file that is there while all queues are being polled, for a readiness probe. */
  readonly readyFile?: string;
}

/** Works until SIGTERM or SIGINT; a training then leaves a checkpoint first. */
export async function workUntilStopped(options: WorkerProcessOptions): Promise<void> {
  const { readyFile } = options;
  const removeReadyFile = () => {
    if (readyFile !== undefined) rmSync(readyFile, { force: true });
  };
  // A container that is started again in the same place may find the file of before.
  removeReadyFile();
  await untilSignalled(async (signal) => {
    const endpoint = await ensureTemporal();
    const protection = protectionOf(endpoint);
    if (protection.signing === undefined)
      process.stderr.write(`warning: ${unsignedWarning(endpoint.address)}\n`);
    const plan = await workPlan({ ...askedSlots(process.env), ...options.slots });
    standardLog().info({ slots: plan.slots, threads: plan.threads }, plan.why.join('; '));
    signal.addEventListener('abort', removeReadyFile, { once: true });
    await runWorkers({
      ...options,
      slots: plan.slots,
      connection: endpoint.connection,
      namespace: endpoint.namespace,
      protection,
      services: {
        openStore,
        extractor: extractorSource((text) => process.stderr.write(`warning: ${text}\n`)),
        turns: new ClipTurns(plan.clipsAtOnce),
        places: new TrainingPlaces(plan),
        kafka: async () => (await (await import('../kafka/ensure-kafka.ts')).ensureKafka()).connection,
      },
      cacheFolder: cacheFolder(),
      stop: signal,
      onReady: () => {
        if (readyFile !== undefined) writeFileSync(readyFile, '');
        // Whoever started this process may wait for it.
        if (process.connected) process.send?.('ready');
      },
    });
  }).finally(removeReadyFile);
}

/**
 * @param queues `media,training,control` or some of them
 * @param slots `media=2,training=1`; what is not named is `MODALMIX_SLOTS`', else follows from the machine
 * @throws ModalmixError `config` for unknown queues and counts that are none
 */
export function workerProcessOptions(
  queues: string | undefined,
  slots: string | undefined,
  metricsAddress: string | undefined,
  readyFile?: string,
): WorkerProcessOptions {
  const named = (queues ?? Object.keys(TASK_QUEUES).join(',')).split(',').map((name) => queueName(name));
  return {
    queues: [...new Set(named)],
    slots: parseSlots(slots ?? '', '--slots'),
    ...(metricsAddress === undefined ? {} : { metricsAddress }),
    ...(readyFile === undefined ? {} : { readyFile }),
  };
}

function queueName(text: string): QueueName {
  const name = text.trim();
  if (name in TASK_QUEUES) return name as QueueName;
  throw new ModalmixError('config', `there is no queue "${name}"`, {
    where: '--queues',
    fix: `Choose from ${Object.keys(TASK_QUEUES).join(', ')}.`,
  });
}

/**
 * @param argv `--queues`, `--slots`, `--metrics`
 * @returns the exit code
 */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const text = { type: 'string' } as const;
    const { values } = parseArgs({ args: [...argv], options: { queues: text, slots: text, metrics: text } });
    await workUntilStopped(workerProcessOptions(values.queues, values.slots, values.metrics));
    return EXIT_CODES.ok;
  } catch (error) {
    process.stderr.write(`error: ${withoutSecrets(describeError(error))}\n`);
    return error instanceof ModalmixError ? exitCodeOf(error.kind) : EXIT_CODES.failed;
  }
}
