/** Prometheus metrics of the stream's workers, and the endpoint that serves them. */
import { createServer, type Server } from 'node:http';
import { isIPv6, type AddressInfo } from 'node:net';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { ModalmixError } from '../../schemas/errors.ts';

/** By topic and partition: records between what is done and the topic's end. */
export interface PartitionLag {
  readonly topic: string;
  readonly partition: number;
  readonly lag: number;
}

export type ReadLag = () => readonly PartitionLag[];

export const STREAM_ROLES = ['ingest', 'sink', 'predict'] as const;
export type StreamRole = (typeof STREAM_ROLES)[number];

export class StreamMetrics {
  readonly registry = new Registry();
  /** Records by what became of them. */
  readonly records: Counter<'outcome'>;
  readonly bytes: Counter;
  /** From an event's `sentAt` to what is published of it (ingest: a row on the topic; sink: in a shard; predict: its answer). */
  readonly latency: Histogram;
  /** ingest: one extraction; sink: one publication; predict: one batch. */
  readonly work: Histogram;
  readonly inFlight: Gauge;
  readonly restarts: Counter;
  #readLag: ReadLag = () => [];

  constructor(role: StreamRole, labels: Readonly<Record<string, string>> = {}) {
    this.registry.setDefaultLabels({ role, ...labels });
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.records = new Counter({
      name: 'modalmix_stream_records_total',
      help: 'Records consumed, by what became of them.',
      labelNames: ['outcome'],
      registers,
    });
    this.bytes = new Counter({
      name: 'modalmix_stream_published_bytes_total',
      help: 'Bytes published: feature records, shards, or answers.',
      registers,
    });
    this.latency = new Histogram({
      name: 'modalmix_stream_latency_seconds',
      help: "Seconds from the event's sentAt until its row or answer was published.",
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800],
      registers,
    });
    this.work = new Histogram({
      name: 'modalmix_stream_work_seconds',
      help: 'Seconds of one extraction (ingest), one publication (sink) or one batch (predict).',
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120],
      registers,
    });
    this.inFlight = new Gauge({
      name: 'modalmix_stream_in_flight',
      help: 'Records read and not yet published.',
      registers,
    });
    this.restarts = new Counter({
      name: 'modalmix_stream_reconnects_total',
      help: 'Times the worker started again after losing the broker or its place in the group.',
      registers,
    });
    const lag = new Gauge({
      name: 'modalmix_stream_lag',
      help: "Records between what is published and the partition's end.",
      labelNames: ['topic', 'partition'],
      registers,
      collect: () => {
        lag.reset();
        for (const { topic, partition, lag: behind } of this.#readLag()) {
          lag.set({ topic, partition: String(partition) }, behind);
        }
      },
    });
  }

  /** Where the lag is asked for when somebody reads the metrics. */
  watchLag(read: ReadLag): void {
    this.#readLag = read;
  }
}

export interface MetricsEndpoint {
  readonly url: string;
  close(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';

export interface MetricsAddress {
  /** A name or address of this machine; absent: the loopback. */
  readonly metricsHost?: string | undefined;
  /** 0: any free one. */
  readonly metricsPort: number;
}

/**
 * Serves `/metrics`.
 * @throws ModalmixError `config` when the port is taken, or the host is not this machine's
 */
export async function serveMetrics(
  metrics: StreamMetrics,
  { metricsHost = LOOPBACK, metricsPort }: MetricsAddress,
): Promise<MetricsEndpoint> {
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    metrics.registry
      .metrics()
      .then((text) => response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text))
      .catch(() => response.writeHead(500).end());
  });
  await listen(server, { metricsHost, metricsPort });
  const { port: bound } = server.address() as AddressInfo;
  const host = isIPv6(metricsHost) ? `[${metricsHost}]` : metricsHost;
  return {
    url: `http://${host}:${String(bound)}/metrics`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function listen(server: Server, { metricsHost, metricsPort }: Required<MetricsAddress>): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const where = `${metricsHost}, port ${String(metricsPort)}`;
      reject(
        new ModalmixError('config', `the metrics cannot be served on ${where}: ${error.message}`, {
          where: 'metricsPort',
          fix: 'Choose another port, or 0 for any free one; metricsHost is an address of this machine.',
        }),
      );
    });
    server.listen(metricsPort, metricsHost, resolve);
  });
}
