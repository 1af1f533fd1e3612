/** What an optimiser is: it moves parameters along gradients and keeps what it needs between steps. */
import type { Gradients } from '../../engine/network/parameters.ts';
import type { Variable } from '../../engine/tensorflow.ts';

export interface Optimizer {
  /** One step. A parameter without a gradient stays as it is, and so does the optimiser's memory of it. */
  apply(gradients: Gradients, learningRate: number): void;
  /** Whether its step is as long for a gradient as for twice that gradient. */
  readonly ignoresScale?: boolean;
  /** Its memory by name, for checkpoints. */
  readonly state: ReadonlyMap<string, Variable>;
  /** Steps that each parameter has taken, for checkpoints; empty where they do not matter. */
  readonly steps: Map<string, number>;
  dispose(): void;
}
