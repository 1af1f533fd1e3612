/** One process that works for the queues it is given, until it is told to stop. */
import {
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type Logger,
  type LogLevel,
  type NativeConnectionOptions,
  type WorkerOptions,
} from '@temporalio/worker';
import { createActivities, type Activities } from '../../activities/index.ts';
import type { Services } from '../../activities/services.ts';
import type { Slots } from '../../pipelines/process/machine/plan-work.ts';
import { flushSpans } from '../../pipelines/process/tracing/tracer.ts';
import { TASK_QUEUES, WAITING_QUEUE } from '../../schemas/names.ts';
import { identifyProcess } from '../processes.ts';
import { standardLog } from '../standard-log.ts';
import { workerIdentity } from '../supervisor/release-work.ts';
import type { Protection } from '../temporal/protection.ts';
import { workerProtection } from './refuse-unsigned.ts';
import { workflowBundle } from './workflow-bundle.ts';

export type QueueName = keyof typeof TASK_QUEUES;

export interface WorkerSettings {
  readonly connection: NativeConnectionOptions;
  readonly namespace: string;
  /** How what passes through the server is signed and encrypted: `protectionOf`. */
  readonly protection: Protection;
  readonly queues: readonly QueueName[];
  /** Activities at a time, per queue: `planWork`. */
  readonly slots: Slots;
  readonly services: Services;
  /** Where the workflows' bundle is kept. */
  readonly cacheFolder: string;
  /** `host:port` where Prometheus may read metrics. */
  readonly metricsAddress?: string;
  readonly logLevel?: string;
  /** Told to stop: running activities are cancelled, a training leaves a checkpoint. */
  readonly stop: AbortSignal;
  /** Called when all queues are being polled. */
  readonly onReady?: () => void;
}

/** Waits for other workflows cost next to nothing. */
const WAITING_SLOTS = 1_000;

/** How long a stopped worker waits for a training to reach its checkpoint. */
export const SHUTDOWN_FORCE_S = 600;
/** How often a cancellation is asked for, whatever the heartbeat timeout. */
const HEARTBEAT_THROTTLE = '2 seconds';
/** How long a dead worker's workflows wait for it before another one takes them over. */
const STICKY_TIMEOUT = '3 seconds';

/** @throws Error when the server cannot be reached */
export async function runWorkers(settings: WorkerSettings): Promise<void> {
  const logger = pinoLogger(settings.logLevel ?? 'info');
  installRuntime(logger, settings.metricsAddress);
  const own = identifyProcess(process.pid);
  const connection = await NativeConnection.connect(settings.connection);
  try {
    const activities = createActivities(settings.services);
    const shared = {
      connection,
      ...workerProtection(settings.protection),
      ...(own === undefined ? {} : { identity: workerIdentity(own) }),
      namespace: settings.namespace,
      maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
      stickyQueueScheduleToStartTimeout: STICKY_TIMEOUT,
      shutdownForceTime: SHUTDOWN_FORCE_S * 1_000,
    };
    const made = settings.queues.map(async (queue) => {
      const options = await queueOptions(queue, activities, settings, logger);
      return await Worker.create({
        ...options,
        ...shared,
        taskQueue: TASK_QUEUES[queue],
        maxConcurrentActivityTaskExecutions: settings.slots[queue],
      });
    });
    if (settings.queues.includes('control')) {
      const waiting = {
        ...{ ...shared, activities: activities.waiting, taskQueue: WAITING_QUEUE },
        maxConcurrentActivityTaskExecutions: WAITING_SLOTS,
      };
      made.push(Worker.create(waiting));
    }
    const workers = await Promise.all(made);
    const shutDown = () => {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    };
    settings.stop.addEventListener('abort', shutDown, { once: true });
    const running = workers.map(async (worker) => {
      await worker.run();
    });
    settings.onReady?.();
    if (settings.stop.aborted) shutDown();
    try {
      await Promise.all(running);
    } finally {
      shutDown();
      await Promise.allSettled(running);
    }
  } finally {
    // Where one of the workers cannot be made, the others keep it.
    await connection.close().catch(() => undefined);
    await flushSpans();
  }
}

async function queueOptions(
  queue: QueueName,
  activities: Activities,
  settings: WorkerSettings,
  logger: Logger,
): Promise<Partial<WorkerOptions>> {
  if (queue !== 'control') return { activities: activities[queue] };
  return {
    activities: activities.control,
    workflowBundle: { codePath: await workflowBundle(settings.cacheFolder, logger) },
  };
}

function installRuntime(logger: Logger, metricsAddress: string | undefined): void {
  Runtime.install({
    logger,
    // Signals are the process's own affair: see `worker-main.ts`.
    shutdownSignals: [],
    telemetryOptions: {
      logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } },
      ...(metricsAddress === undefined ? {} : { metrics: { prometheus: { bindAddress: metricsAddress } } }),
    },
  });
}

const PINO_LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

function pinoLogger(level: string): Logger {
  const log = standardLog(level);
  const lowest =
    (Object.keys(PINO_LEVELS) as LogLevel[]).find((name) => PINO_LEVELS[name] === level) ?? 'INFO';
  return new DefaultLogger(lowest, (entry) => {
    log[PINO_LEVELS[entry.level]](entry.meta ?? {}, entry.message);
  });
}
