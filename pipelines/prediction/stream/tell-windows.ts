/** A worker's own windows of answers: as metrics, as records of the store, and alarms in the log. */
import { Counter, Gauge } from 'prom-client';
import type { AnswerWindow } from '../../../schemas/answer-window.ts';
import { watchOf } from '../../../schemas/config/stream-config.ts';
import { addAnswerWindow } from '../../models/answer-windows.ts';
import type { Store } from '../../store/store.ts';
import type { Log } from '../../streaming/log.ts';
import type { StreamMetrics } from '../../streaming/metrics.ts';
import type { StreamTarget } from '../../streaming/stream-target.ts';
import { watchAnswers, type TrainedOn, type Watched } from './answer-watch.ts';

export interface WindowTellerInput {
  readonly store: Store;
  readonly target: StreamTarget;
  readonly metrics: StreamMetrics;
  readonly log: Log;
}

const FIGURES = {
  confidence: ['Mean of the highest probability.', (window) => window.confidence],
  entropy: ['Mean entropy of the answers, 0 to 1.', (window) => window.entropy],
  class_distance: [
    'Of the answered classes from the training clips, 0 to 1.',
    (window) => window.classDistance,
  ],
  distance_factor: ['Distance from the training clips, over theirs.', (window) => window.distanceFactor],
  calibration_error: [
    'Expected calibration error on clips that came with a label.',
    (window) => window.labelled.calibrationError,
  ],
} as const satisfies Readonly<
  Record<string, readonly [string, (window: AnswerWindow) => number | undefined]>
>;

/** What of a window is not full when the worker ends is not told. */
export class WindowTeller {
  readonly #input: WindowTellerInput;
  readonly #gauges: ReadonlyMap<keyof typeof FIGURES, Gauge<'model' | 'version'>>;
  readonly #alarms: Counter<'kind'>;
  #open: Watched[] = [];
  #telling: Promise<void> = Promise.resolve();

  constructor(input: WindowTellerInput) {
    this.#input = input;
    const registers = [input.metrics.registry];
    const names = Object.keys(FIGURES) as (keyof typeof FIGURES)[];
    this.#gauges = new Map(
      names.map((name) => [
        name,
        new Gauge({
          name: `modalmix_answers_${name}`,
          help: `${FIGURES[name][0]} Of this worker's last full window.`,
          labelNames: ['model', 'version'],
          registers,
        }),
      ]),
    );
    this.#alarms = new Counter({
      name: 'modalmix_answers_alarms_total',
      help: 'Figures of windows above their limit (stream.watch).',
      labelNames: ['kind'],
      registers,
    });
  }

  /** An answer that was published, in its order. @param trained of its version */
  add(answer: Watched, trained: TrainedOn): void {
    // Another version's answers begin a window of their own.
    if (this.#open[0] !== undefined && this.#open[0].model.version !== answer.model.version) this.#open = [];
    this.#open.push(answer);
    const limits = watchOf(this.#input.target.stream);
    if (this.#open.length < limits.answers) return;
    const window = watchAnswers(this.#open, trained, limits);
    this.#open = [];
    // Answers do not wait for it, and are not given up for it.
    this.#telling = this.#telling
      .then(() => this.#tell(window))
      .catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        this.#input.log.error({ reason }, 'a window of answers cannot be written down');
      });
  }

  /** Until what is full is written. */
  async settled(): Promise<void> {
    await this.#telling;
  }

  async #tell(window: Omit<AnswerWindow, 'formatVersion' | 'number'>): Promise<void> {
    const told = await addAnswerWindow(this.#input.store, window);
    const labels = { model: told.model, version: String(told.version) };
    for (const [name, gauge] of this.#gauges) {
      const value = FIGURES[name][1](told);
      gauge.reset();
      if (value !== undefined) gauge.set(labels, value);
    }
    for (const { kind, message } of told.alarms) {
      this.#alarms.inc({ kind });
      this.#input.log.warn({ ...labels, window: told.number, kind }, message);
    }
  }
}
