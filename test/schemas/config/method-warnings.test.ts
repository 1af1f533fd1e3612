import { expect, it } from 'vitest';
import { methodWarnings } from '../../../schemas/config/method-warnings.ts';
import { trainingConfigSchema } from '../../../schemas/config/training-config.ts';

const METHODS = ['joint', 'ogm-ge', 'agm', 'mmpareto', 'agm'];

it.each(['adam', 'adamw'])('says which methods %s undoes, and what to set', (name) => {
  const warnings = methodWarnings(trainingConfigSchema.parse({ methods: METHODS, optimizer: { name } }));
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toMatch(
    new RegExp(`^agm multiplies gradients, and ${name} divides.*optimizer.name to sgd`, 'u'),
  );
  expect(warnings[1]).toMatch(/^mmpareto .*direction remains/u);
});

it('says so of OGM where several batches make a step', () => {
  const training = trainingConfigSchema.parse({
    methods: ['ogm'],
    optimizer: { name: 'adam' },
    accumulateSteps: 2,
  });
  expect(methodWarnings(training)).toEqual([
    expect.stringMatching(/^ogm multiplies.*accumulateSteps above 1/u),
  ]);
});

it('has nothing to say of SGD', () => {
  expect(methodWarnings(trainingConfigSchema.parse({ methods: METHODS }))).toEqual([]);
});
