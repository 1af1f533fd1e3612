/** What a config asks for that can be trained, but hardly does what its name says. */
import type { MethodName } from './methods.ts';
import type { TrainingConfig } from './training-config.ts';

/** What a method multiplies gradients by to balance modalities, so that an optimiser without a sense of scale undoes it. */
const SCALES_GRADIENTS: Readonly<Partial<Record<MethodName, string>>> = {
  agm: 'its coefficients, and most of its effect,',
  mmpareto: 'the lengths that it gives to the joined gradients (their direction remains)',
};

/** These scale the step under such an optimiser, but not one that several batches make together. */
const SCALES_STEPS: Readonly<Partial<Record<MethodName, string>>> = {
  ogm: 'with accumulateSteps above 1 its coefficients',
  'ogm-ge': 'with accumulateSteps above 1 its coefficients',
};

/** @returns sentences, one for each; none when there is nothing to say */
export function methodWarnings({
  methods,
  optimizer,
  accumulateSteps = 1,
}: Pick<TrainingConfig, 'methods' | 'optimizer' | 'accumulateSteps'>): string[] {
  if (optimizer.name === 'sgd') return [];
  return [...new Set(methods)].flatMap((method) => {
    const lost = SCALES_GRADIENTS[method] ?? (accumulateSteps > 1 ? SCALES_STEPS[method] : undefined);
    return lost === undefined
      ? []
      : [
          `${method} multiplies gradients, and ${optimizer.name} divides their scale out of its step: ${lost} cancel out. ` +
            'Set training.optimizer.name to sgd to see what it does.',
        ];
  });
}
