/** An optimiser as it was before its first step: no momentum, no moments, no steps counted. */
import { tf, type Variable } from '../../engine/tensorflow.ts';

interface Remembering {
  readonly state: ReadonlyMap<string, Variable>;
  /** Of each parameter, where they are counted. */
  readonly steps?: Map<string, number>;
}

export function forget({ state, steps }: Remembering): void {
  tf.tidy(() => {
    for (const variable of state.values()) variable.assign(tf.zerosLike(variable));
  });
  steps?.clear();
}
