/** A stream worker as a process: `--role ingest|sink|predict --config <file>`, SIGTERM to stop. */
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { pino, type Logger } from 'pino';
import { loadConfig } from '../../pipelines/config/load-config.ts';
import { runIdOf } from '../../pipelines/config/run-id.ts';
import { createExtractor } from '../../pipelines/extraction/create-extractor.ts';
import { retrainConfigOf } from '../../pipelines/models/retrain-window.ts';
import { runAnswering } from '../../pipelines/prediction/stream/run-answering.ts';
import { findRunDataset } from '../../pipelines/shards/manifest/load-manifest.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { describeConnection } from '../../pipelines/streaming/kafka/connection.ts';
import { runIngest } from '../../pipelines/streaming/ingest/ingest.ts';
import { withoutSecrets } from '../../pipelines/process/secrets.ts';
import {
  STREAM_ROLES,
  StreamMetrics,
  serveMetrics,
  type StreamRole,
} from '../../pipelines/streaming/metrics.ts';
import { streamSettings } from '../../pipelines/streaming/stream-settings.ts';
import { runSink } from '../../pipelines/streaming/sink/sink.ts';
import type { SinkInput } from '../../pipelines/streaming/sink/sink-input.ts';
import type { RunConfig } from '../../schemas/config/config.ts';
import { predictOf } from '../../schemas/config/stream-config.ts';
import { EXIT_CODES, ModalmixError, describeError, exitCodeOf } from '../../schemas/errors.ts';
import { brokerSource } from '../kafka/ensure-kafka.ts';
import { untilSignalled } from './until-signalled.ts';

export interface StreamWorkerOptions {
  readonly role: StreamRole;
  /** A run's YAML file. */
  readonly configFile: string;
  /** What is laid over its values, each `<path>=<value>`. */
  readonly set?: readonly string[];
  /** Unique among running workers of the role; a worker that takes a dead one's id ends what that left open. */
  readonly workerId?: string;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/**
 * Works until the signal. The embedded broker is started when it does not run, and again when it dies.
 * @throws ModalmixError when trying again would not help
 */
export async function runStreamWorker(options: StreamWorkerOptions): Promise<void> {
  const { role, signal, log } = options;
  const config = await loadConfig(options.configFile, options.set);
  const extractor = await createExtractor((text) => {
    log.warn(text);
  });
  const { target, allowedRoots, shares } = await streamSettings(config, extractor.version);
  const workerId = options.workerId ?? `${hostname()}-${String(process.pid)}-${String(Date.now())}`;
  const metrics = new StreamMetrics(role, { dataset: target.name });
  const { metricsPort, metricsHost } = role === 'predict' ? predictOf(target.stream) : target.stream[role];
  const endpoint =
    metricsPort === undefined ? undefined : await serveMetrics(metrics, { metricsHost, metricsPort });
  if (endpoint !== undefined) log.info({ url: endpoint.url }, 'metrics');
  const brokers = brokerSource(({ connection, embedded }) => {
    log.info({ ...describeConnection(connection), embedded }, 'connecting');
  });
  const common = { ...brokers, target, metrics, log, signal };
  try {
    if (role === 'ingest') await runIngest({ ...common, extractor, allowedRoots, workerId });
    else if (role === 'sink') {
      await runSink({ ...common, ...(await sinkStore(config)), shares, writerId: workerId });
    } else {
      const model = target.stream.predict?.model ?? retrainConfigOf(config).model ?? config.name;
      await runAnswering({ ...common, store: openStore(config.store), model, workerId });
    }
  } finally {
    await endpoint?.close();
  }
}

/** The store, and the version that the run's last rebuild published: one published later is known to the next sink. */
async function sinkStore(config: RunConfig): Promise<Pick<SinkInput, 'store' | 'baseVersion'>> {
  const store = openStore(config.store);
  const base = await findRunDataset(store, runIdOf(config));
  return { store, ...(base === undefined ? {} : { baseVersion: base.version }) };
}

export type UntilStopped = Pick<StreamWorkerOptions, 'role' | 'configFile' | 'set' | 'workerId'>;

/** Works until SIGTERM or SIGINT: what is under way is finished and published first. */
export async function workUntilStopped(options: UntilStopped): Promise<void> {
  const log = pino({
    level: 'info',
    base: { role: options.role, pid: process.pid },
    hooks: { streamWrite: (line) => withoutSecrets(line) },
  });
  await untilSignalled(async (signal) => {
    await runStreamWorker({ ...options, signal, log });
  });
}

/**
 * @param argv `--role`, `--config`, `--id`, `--set`
 * @returns the exit code
 */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const text = { type: 'string' } as const;
    const options = { role: text, config: text, id: text, set: { ...text, multiple: true } } as const;
    const { role: named, config, id, set } = parseArgs({ args: [...argv], options }).values;
    const role = STREAM_ROLES.find((one) => one === named);
    if (role === undefined || config === undefined) {
      throw new ModalmixError('config', 'a stream worker needs a role and a config', {
        where: 'stream-worker-main.ts',
        fix: `Call it with --role ${STREAM_ROLES.join('|')} --config <file>.`,
      });
    }
    await workUntilStopped({
      role,
      configFile: config,
      ...(set === undefined ? {} : { set }),
      ...(id === undefined ? {} : { workerId: id }),
    });
    return EXIT_CODES.ok;
  } catch (error) {
    process.stderr.write(`error: ${withoutSecrets(describeError(error))}\n`);
    return error instanceof ModalmixError ? exitCodeOf(error.kind) : EXIT_CODES.failed;
  }
}
