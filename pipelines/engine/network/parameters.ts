/** A model's numbers by name: what is learnt (`trainable`) and what is only tracked (`buffers`). */
import { ModalmixError } from '../../../schemas/errors.ts';
import { randomGenerator, type Generator } from '../../random/generator.ts';
import { tf, type Tensor, type Variable } from '../tensorflow.ts';

/** Gradients by parameter name; a parameter the loss did not touch has none. */
export type Gradients = Map<string, Tensor>;

/** TensorFlow wants unique names in a process; ours need only be unique in a model. */
let created = 0;

export class Parameters {
  readonly trainable = new Map<string, Variable>();
  readonly buffers = new Map<string, Variable>();
  readonly #seed: number | undefined;
  readonly #instance: number;

  /**
   * @param seed of the initial values: each parameter has its own generator, keyed by its name; undefined: all are 0,
   *   to be overwritten (drawing the millions of a ResNet-18 takes seconds)
   */
  constructor(seed: number | undefined) {
    this.#seed = seed;
    this.#instance = created;
    created += 1;
  }

  /** A learnt parameter; `initial` fills it from its own generator. */
  learn(name: string, shape: readonly number[], initial: Initial): Variable {
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
    if (this.#seed !== undefined) initial(values, randomGenerator(this.#seed, `initial/${name}`));
    return this.#create(this.trainable, name, shape, values, true);
  }

  /** A tracked number that no gradient reaches, all `value` at first. */
  track(name: string, shape: readonly number[], value: number): Variable {
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(value);
    return this.#create(this.buffers, name, shape, values, false);
  }

  /** Everything a file of weights holds, in a fixed order. */
  all(): Map<string, Variable> {
    return new Map([...this.trainable, ...this.buffers]);
  }

  count(): number {
    return [...this.trainable.values()].reduce((sum, variable) => sum + variable.size, 0);
  }

  /**
   * Value of `loss` and its gradients with respect to every trainable parameter.
   *
   * @param by narrows them, by name; what only the others depend on is not differentiated
   */
  gradients(
    loss: () => Tensor,
    by: (name: string) => boolean = () => true,
  ): { value: Tensor; gradients: Gradients } {
    const wanted = [...this.trainable].filter(([name]) => by(name));
    const { value, grads } = tf.variableGrads(
      () => loss().asScalar(),
      wanted.map(([, variable]) => variable),
    );
    const gradients: Gradients = new Map();
    for (const [name, variable] of wanted) {
      const gradient = grads[variable.name] as Tensor | null | undefined;
      if (gradient !== null && gradient !== undefined) gradients.set(name, gradient);
    }
    return { value, gradients };
  }

  dispose(): void {
    for (const variable of this.all().values()) variable.dispose();
  }

  #create(
    into: Map<string, Variable>,
    name: string,
    shape: readonly number[],
    values: Float32Array,
    trainable: boolean,
  ): Variable {
    if (this.trainable.has(name) || this.buffers.has(name)) {
      throw new ModalmixError('internal', `two parameters are called "${name}"`);
    }
    const variable = tf.tidy(() =>
      tf.variable(tf.tensor(values, [...shape]), trainable, `model-${String(this.#instance)}/${name}`),
    );
    into.set(name, variable);
    return variable;
  }
}

export type Initial = (values: Float32Array, random: Generator) => void;

/** N(0, deviation²) */
export function normal(deviation: number): Initial {
  return (values, random) => {
    for (let i = 0; i < values.length; i += 1) values[i] = deviation * random.normal();
  };
}

/** U(−bound, bound) */
export function uniform(bound: number): Initial {
  return (values, random) => {
    for (let i = 0; i < values.length; i += 1) values[i] = bound * (2 * random.uniform() - 1);
  };
}

export function constant(value: number): Initial {
  return (values) => {
    values.fill(value);
  };
}
