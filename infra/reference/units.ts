/** The unit of a field that is a number: by the end of its name, as the config's names have it, or by the whole name. */

const BY_END: readonly (readonly [RegExp, string])[] = [
  [/PerS$/u, 'a second'],
  [/Hz$/u, 'Hz'],
  [/Ms$/u, 'ms'],
  [/Px$/u, 'pixels'],
  [/MiB$/u, 'MiB'],
  [/Db$/u, 'dB'],
  [/Hours$/u, 'hours'],
  [/[a-z]S$/u, 's'],
  [/[sS]hares?$|Clarity$/u, 'share, 0…1'],
  [/[eE]pochs?$/u, 'epochs'],
  [/Steps$/u, 'steps'],
  [/(^c|C)lips$|^batchSize$|^examples$|^maxPoints$|^neighbou?rs$/u, 'clips'],
  [/Rows$|^from$|^to$/u, 'rows'],
  [/^seeds?$/u, 'any whole number'],
];

const PLAIN = 'a plain number';
const BY_NAME: Readonly<Record<string, string>> = {
  ...{
    nFft: 'samples',
    hop: 'samples',
    bins: 'bands',
    frames: 'frames',
    candidates: 'frames',
    dims: 'numbers a vector',
    hidden: 'units',
    fps: 'frames a second',
  },
  ...{ shortSide: 'pixels', blurSigmas: 'pixels', depth: 'layers', width: 'channels', minutes: 'minutes' },
  ...{ largest: 'bins of frequency, or times', count: 'bands', keepLast: 'checkpoints', patience: 'epochs' },
  ...{ threads: 'threads', partitions: 'partitions', replicationFactor: 'brokers', concurrency: 'clips' },
  ...{
    maxInFlight: 'events',
    compareWith: 'answers',
    answers: 'answers',
    minLabelled: 'answers',
    distanceFactor: PLAIN,
    metricsPort: 'port',
    partition: 'partition',
    index: 'fold',
    kFold: 'folds',
    of: 'folds',
  },
  ...{
    splitNumber: 'list',
    minDist: 'of the picture',
    deviation: 'of 0…1',
    hue: 'of the circle',
    alpha: PLAIN,
  },
  ...{
    noiseLevels: 'standard deviations',
    keepShare: 'share, 0…1',
    momentum: PLAIN,
    dropBase: 'probability',
  },
  ...{ clipNorm: 'length of the gradient', labelSmoothing: 'share, 0…1', cropMinScale: 'share, 0…1' },
  ...{
    minGain: 'share, −1…1',
    minNewGain: 'share, −1…1',
    margin: 'share, 0…1',
    level: 'probability',
    accumulateSteps: 'batches',
    longTailFactor: 'times',
  },
  ...{ encoderLearningRateScale: 'times', beta1: PLAIN, beta2: PLAIN, epsilon: PLAIN, weightDecay: PLAIN },
  ...{ learningRate: PLAIN, gamma: PLAIN, lambda: PLAIN, weight: PLAIN, scale: PLAIN, temperature: PLAIN },
  ...{ targetWeight: PLAIN, ensembleWeight: PLAIN, agreement: PLAIN, matching: PLAIN, minDelta: PLAIN },
  ...{ decay: PLAIN, classWeights: PLAIN, brightness: 'times', contrast: 'times', saturation: 'times' },
  ...{ labelNoise: 'share, 0…1', missing: 'share, 0…1', factor: 'times', trials: 'trials' },
  ...{ uniform: "the field's", logUniform: "the field's", integer: "the field's" },
};

/** @returns undefined where nobody said */
export function unitOf(path: readonly string[]): string | undefined {
  const name = (path.at(-1) ?? '').replace(/\[\]$/u, '');
  return BY_NAME[name] ?? BY_END.find(([end]) => end.test(name))?.[1];
}
