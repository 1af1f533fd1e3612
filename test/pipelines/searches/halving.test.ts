import { describe, expect, it } from 'vitest';
import { rankTrials, rungsOf } from '../../../pipelines/searches/halving.ts';

const halving = { factor: 3, minEpochs: 3 };

describe('successive halving', () => {
  it('trains all trials shortly, and one in three three times as long, up to the base’s epochs', () => {
    expect(rungsOf({ trials: 27, halving }, 81)).toEqual([
      { epochs: 3, trials: 27 },
      { epochs: 9, trials: 9 },
      { epochs: 27, trials: 3 },
      { epochs: 81, trials: 1 },
    ]);
    expect(rungsOf({ trials: 16, halving }, 30)).toEqual([
      { epochs: 3, trials: 16 },
      { epochs: 10, trials: 5 },
      { epochs: 30, trials: 1 },
    ]);
  });

  it('leaves out a rung that sends all its trials on', () => {
    expect(rungsOf({ trials: 4, halving }, 30)).toEqual([
      { epochs: 3, trials: 4 },
      { epochs: 30, trials: 1 },
    ]);
    expect(rungsOf({ trials: 1, halving }, 30)).toEqual([{ epochs: 30, trials: 1 }]);
  });

  it('never trains for fewer epochs than it may, nor twice for as many', () => {
    expect(rungsOf({ trials: 100, halving: { factor: 2, minEpochs: 5 } }, 20)).toEqual([
      { epochs: 5, trials: 100 },
      { epochs: 10, trials: 50 },
      { epochs: 20, trials: 25 },
    ]);
    expect(
      rungsOf({ trials: 64, halving: { factor: 1.5, minEpochs: 1 } }, 3).map(({ epochs }) => epochs),
    ).toEqual([1, 2, 3]);
  });

  it('without it trains all trials to the end', () => {
    expect(rungsOf({ trials: 16 }, 30)).toEqual([{ epochs: 30, trials: 16 }]);
  });
});

describe('the order of trials', () => {
  const trials = [
    { trial: 1, score: { accuracy: 0.7, loss: 0.9 } },
    { trial: 2 }, // failed
    { trial: 3, score: { accuracy: 0.8, loss: 0.8 } },
    { trial: 4, score: { accuracy: 0.8, loss: 0.6 } },
    { trial: 5, score: { accuracy: 0.7, loss: 0.9 } },
  ];
  const order = (metric: Parameters<typeof rankTrials>[1]) =>
    rankTrials([...trials].reverse(), metric).map(({ trial }) => trial);

  it('goes by accuracy, then loss, then number, and knows no failed trial', () => {
    expect(order('validation.accuracy')).toEqual([4, 3, 1, 5]);
  });

  it('goes by loss where that is asked for', () => {
    expect(order('validation.loss')).toEqual([4, 3, 1, 5]);
    const good = [
      { trial: 1, score: { accuracy: 0.9, loss: 0.5 } },
      { trial: 2, score: { accuracy: 0.6, loss: 0.4 } },
    ];
    expect(rankTrials(good, 'validation.loss').map(({ trial }) => trial)).toEqual([2, 1]);
    expect(rankTrials(good, 'validation.accuracy').map(({ trial }) => trial)).toEqual([1, 2]);
  });
});
