import { describe, expect, it } from 'vitest';
import { duration, shareDone, stageFacts } from '../../../cli/text/stage-text.ts';
import type { StageProgress } from '../../../schemas/progress.ts';

const training: StageProgress = {
  stage: 'train',
  label: 'train b-mm seed 0',
  state: 'running',
  done: 120,
  total: 288,
  unit: 'steps',
  ratePerS: 3.42,
  etaS: 49.1,
  loss: 1.23456,
  epoch: 2,
  epochs: 5,
};

describe('a stage in words', () => {
  it('tells how far it is, how fast, how well and how long', () => {
    expect(stageFacts(training)).toBe('120/288 steps, 3.4 steps/s, loss 1.235, epoch 2/5, 0:49 left');
    expect(shareDone(training)).toBeCloseTo(120 / 288);
  });

  it('tells no rate once it is done', () => {
    expect(stageFacts({ ...training, state: 'done', done: 288 })).toBe('288/288 steps');
    expect(shareDone({ ...training, state: 'done', total: 0 })).toBe(1);
  });

  it('says how many clips were taken over from before', () => {
    const stage: StageProgress = {
      ...{ stage: 'extract', label: 'extract features', state: 'running', unit: 'clips' },
      ...{ done: 30, total: 40, reused: 25, ratePerS: 120.4 },
    };
    expect(stageFacts(stage)).toBe('30/40 clips, 25 reused, 120 clips/s');
  });

  it.each([
    [0.4, '0:00'],
    [48, '0:48'],
    [725, '12:05'],
    [10_900, '3:01:40'],
  ])('writes %d seconds as %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});
