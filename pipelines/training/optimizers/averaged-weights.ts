/**
 * An exponential moving average of a model's numbers (Polyak and Juditsky 1992; timm's `ModelEmaV2`): after each update
 * e ← d e + (1 − d) w, of weights and running statistics alike.
 */
import type { TrainingOptions } from '../../../schemas/config/training-options.ts';
import { tf, type Variable } from '../../engine/tensorflow.ts';

/** TensorFlow wants unique names in a process. */
let created = 0;

export class AveragedWeights {
  /** By the names of what they are averages of. */
  readonly values: ReadonlyMap<string, Variable>;
  readonly #live: ReadonlyMap<string, Variable>;
  readonly #options: NonNullable<TrainingOptions['ema']>;

  /** @param live at first the average is what they are now */
  constructor(live: ReadonlyMap<string, Variable>, options: NonNullable<TrainingOptions['ema']>) {
    created += 1;
    this.#live = live;
    this.#options = options;
    this.values = new Map(
      [...live].map(([name, variable]) => [
        name,
        tf.tidy(() => tf.variable(variable.clone(), false, `average-${String(created)}/${name}`)),
      ]),
    );
  }

  /** Begins again from what the live numbers are now. */
  begin(): void {
    for (const [name, value] of this.values) value.assign(this.#live.get(name)!);
  }

  /** @param updates done before the one that is to be followed */
  follow(updates: number): void {
    const decay = decayAfter(updates, this.#options);
    tf.tidy(() => {
      for (const [name, value] of this.values) {
        const live = this.#live.get(name)!;
        tf.tidy(() => {
          value.assign(tf.add(tf.mul(value, decay), tf.mul(live, 1 - decay)));
        });
      }
    });
  }

  /** With the averages in the live numbers' place, which come back after it. */
  async inPlace<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#exchange();
    try {
      return await work();
    } finally {
      this.#exchange();
    }
  }

  dispose(): void {
    for (const variable of this.values.values()) variable.dispose();
  }

  #exchange(): void {
    for (const [name, value] of this.values) {
      const live = this.#live.get(name)!;
      tf.tidy(() => {
        const before = live.clone();
        live.assign(value);
        value.assign(before);
      });
    }
  }
}

/** d after t updates: min(decay, (1 + t) / (10 + t)) as TensorFlow's moving average ramps it up, or the decay. */
export function decayAfter(updates: number, { decay, rampUp }: NonNullable<TrainingOptions['ema']>): number {
  return rampUp ? Math.min(decay, (1 + updates) / (10 + updates)) : decay;
}
