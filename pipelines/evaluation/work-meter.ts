import { ModalmixError } from '../../schemas/errors.ts';
import type { ActivityProgress } from '../../schemas/progress.ts';

/** Counts samples done, reports rate and time left, and is where a stop is heard. */
export class WorkMeter {
  readonly #total: number;
  readonly #report: (progress: ActivityProgress) => void;
  readonly #stopRequested: () => boolean;
  readonly #startedMs = performance.now();
  #done = 0;

  constructor(total: number, report: (progress: ActivityProgress) => void, stopRequested: () => boolean) {
    this.#total = total;
    this.#report = report;
    this.#stopRequested = stopRequested;
  }

  /** @throws ModalmixError `cancelled` when a stop was asked for */
  advance(samples: number): void {
    this.#reach(this.#done + samples);
  }

  /** For work told as a growing share of `samples`, with nothing else under way. */
  shares(samples: number): (share: number) => void {
    const before = this.#done;
    // Not summed up share by share: rounding would leave the end unreached.
    return (share) => {
      this.#reach(before + share * samples);
    };
  }

  #reach(done: number): void {
    if (this.#stopRequested()) {
      throw new ModalmixError('cancelled', 'the evaluation was stopped', {
        fix: 'Start it again; it is done anew from the trained weights.',
      });
    }
    this.#done = Math.min(this.#total, done);
    const seconds = (performance.now() - this.#startedMs) / 1000;
    const ratePerS = seconds > 0 ? this.#done / seconds : 0;
    this.#report({
      done: Math.floor(this.#done),
      total: this.#total,
      ...(ratePerS > 0 ? { ratePerS, etaS: (this.#total - this.#done) / ratePerS } : {}),
    });
  }
}
