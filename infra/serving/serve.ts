/** `modalmix serve`, as a server that is started and stopped. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import type { Store } from '../../pipelines/store/store.ts';
import type { ModelEvent } from '../../pipelines/prediction/serving/followed-model.ts';
import { Predictor, type PredictorOptions } from '../../pipelines/prediction/serving/predictor.ts';
import { realRoots } from '../../pipelines/streaming/ingest/authorise-clip.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import type { ChosenModel } from '../../schemas/prediction.ts';
import type { ServingLimits } from '../../schemas/serving.ts';
import { bracketed, isLoopback } from '../http/listening.ts';
import { modalmixVersion } from '../package-version.ts';
import { Flight, createApp } from './app.ts';
import { ServingMetrics } from './serving-metrics.ts';

export interface ServeOptions extends Pick<PredictorOptions, 'maxBatch' | 'maxWaitMs' | 'maxQueue'> {
  readonly store: Store;
  readonly chosen: ChosenModel;
  /** The registered model that is followed. */
  readonly follow?: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly token?: string;
  readonly hostNames: readonly string[];
  /** Folders whose files may be named by URI. */
  readonly roots: readonly string[];
  readonly limits: ServingLimits;
  readonly onEvent: (event: ModelEvent, detail: string) => void;
  readonly onFailure: (requestId: string, error: unknown) => void;
}

export interface Serving {
  readonly url: string;
  /** Of the process that judges. */
  readonly childPid: () => number | undefined;
  /** Answers what is under way, for as long as a request may take, then ends. */
  stop(): Promise<void>;
}

/** Time to send headers: who takes longer holds a connection for nothing. */
const HEADERS_MS = 10_000;
/** Our own limit answers first. */
const GRACE_MS = 5_000;
const MOST_CONNECTIONS = 512;
const POLL_MS = 20;

/**
 * Answers on the address until stopped; the model is loaded when this returns.
 *
 * @throws ModalmixError `config` for an address other than the loopback without a token, a port that is taken, a folder
 *   that is not there; as `loadModel`
 */
export async function startServing(options: ServeOptions): Promise<Serving> {
  const { host, token, limits } = options;
  if (token === undefined && !isLoopback(host)) {
    throw new ModalmixError('config', `whoever reaches ${host} could ask, and there is no token`, {
      where: '--host',
      fix: `Set ${ENVIRONMENT.serveToken} or ${ENVIRONMENT.serveTokenFile}, or serve on the loopback.`,
    });
  }
  const roots = await realRoots(options.roots);
  const scratch = await mkdtemp(join(tmpdir(), 'modalmix-serve-'));
  const flight = new Flight();
  let predictor: Predictor | undefined;
  try {
    const metrics = new ServingMetrics({
      waitingClips: () => predictor?.waitingClips ?? 0,
      requestsInFlight: () => flight.count,
      version: () => predictor?.loaded?.chosen.version?.version,
    });
    predictor = new Predictor({
      ...options,
      onEvent: (event, detail) => {
        metrics.events.inc({ event });
        options.onEvent(event, detail);
      },
      onBatch: (clips) => {
        metrics.batches.observe(clips);
      },
    });
    await predictor.start();
    const app = createApp({
      ...{ predictor, metrics, flight, version: modalmixVersion(), onFailure: options.onFailure },
      source: { scratch, roots, limits },
      admission: { hostNames: options.hostNames, ...(token === undefined ? {} : { token }) },
    });
    const server = createServer(
      {
        requestTimeout: limits.requestMs + GRACE_MS,
        headersTimeout: Math.min(HEADERS_MS, limits.requestMs + GRACE_MS),
      },
      (request, response) =>
        void getRequestListener(app.fetch, { overrideGlobalObjects: false })(request, response),
    );
    server.maxConnections = MOST_CONNECTIONS;
    const url = await listen(server, host, options.port);
    const running = predictor;
    return {
      url,
      childPid: () => running.childPid,
      stop: async () => {
        flight.stopping = true;
        server.close();
        server.closeIdleConnections();
        const deadline = performance.now() + limits.requestMs;
        while (flight.count > 0 && performance.now() < deadline) await sleep(POLL_MS);
        // The last answers are on their way.
        await sleep(POLL_MS);
        server.closeAllConnections();
        await running.stop();
        await rm(scratch, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await predictor?.stop();
    await rm(scratch, { recursive: true, force: true });
    throw error;
  }
}

async function listen(server: Server, host: string, port: number): Promise<string> {
  const failed = new Promise<never>((_, reject) => {
    server.once('error', (cause) => {
      reject(
        new ModalmixError('config', `it cannot listen on ${host}, port ${String(port)}: ${cause.message}`, {
          where: '--host, --port',
          fix: 'Choose another port, or 0 for any free one.',
          cause,
        }),
      );
    });
  });
  server.listen(port, host);
  await Promise.race([once(server, 'listening'), failed]);
  const address = server.address() as AddressInfo;
  return `http://${bracketed(address.address)}:${String(address.port)}`;
}
