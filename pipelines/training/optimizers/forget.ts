/** An optimiser as it was before its first step: no momentum, no moments, no steps counted. */
import { tf } from '../../engine/tensorflow.ts';
import type { Optimizer } from './optimizer.ts';

export function forget({ state, steps }: Pick<Optimizer, 'state' | 'steps'>): void {
  tf.tidy(() => {
    for (const variable of state.values()) variable.assign(tf.zerosLike(variable));
  });
  steps.clear();
}
