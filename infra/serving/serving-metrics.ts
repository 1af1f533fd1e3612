/** What Prometheus reads of a server. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export interface ServingState {
  readonly waitingClips: () => number;
  readonly requestsInFlight: () => number;
  readonly version: () => number | undefined;
}

export class ServingMetrics {
  readonly registry = new Registry();
  readonly requests: Counter<'status'>;
  readonly clips: Counter<'outcome'>;
  readonly seconds: Histogram;
  readonly batches: Histogram;
  readonly events: Counter<'event'>;

  constructor(state: ServingState) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.requests = new Counter({
      name: 'modalmix_serve_requests_total',
      help: 'Requests for predictions, by the status of their answer.',
      labelNames: ['status'],
      registers,
    });
    this.clips = new Counter({
      name: 'modalmix_serve_clips_total',
      help: 'Clips, by what became of them: answered, or the code of their problem.',
      labelNames: ['outcome'],
      registers,
    });
    this.seconds = new Histogram({
      name: 'modalmix_serve_request_seconds',
      help: 'Seconds from a request for predictions to its answer.',
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    });
    this.batches = new Histogram({
      name: 'modalmix_serve_batch_clips',
      help: 'Clips of a batch.',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128],
      registers,
    });
    this.events = new Counter({
      name: 'modalmix_serve_model_events_total',
      help: 'restarted: the process that judges died; taken-over: another version; not-loaded: one that could not be.',
      labelNames: ['event'],
      registers,
    });
    const gauge = (name: string, help: string, read: () => number | undefined) => {
      const made: Gauge = new Gauge({
        name,
        help,
        registers,
        collect: () => {
          made.set(read() ?? 0);
        },
      });
    };
    gauge('modalmix_serve_waiting_clips', 'Clips that wait for a batch.', state.waitingClips);
    gauge('modalmix_serve_requests_in_flight', 'Requests that have no answer yet.', state.requestsInFlight);
    gauge('modalmix_serve_model_version', 'The version that answers; 0: not of the registry.', state.version);
  }
}
