/**
 * What work costs where nothing was measured yet: rates of one small machine, as `bench/` keeps them
 * (`bench/sizing/rates.json`, `bench/results/amd-epyc-2-cores/training.json`; a test compares them).
 */
export const DEFAULT_RATES = {
  extraction: {
    /** On all `cores`, of clips of 3 s, 480×360. */
    clipsPerS: { ffmpeg: 9.039, 'node-av': 20.63 },
    cores: 2,
    from: 'AMD EPYC, 2 cores, 2026-11-24 (bench/sizing/rates.json)',
  },
  training: {
    /** Of a step of 8 clips: two ResNet-18s as published, 257×188×1 and 224×224×3, `joint`, float32. */
    stepMs: 822,
    batchSize: 8,
    cores: 2,
    /** What a step takes with the smallest networks too: 13 to 84 ms in trainings of 4-layer networks 8 wide there. */
    stepOverheadMs: 30,
    inputPixels: 257 * 188 + 224 * 224,
    from: 'AMD EPYC, 2 cores, 2026-11-26 (bench/results), scaled by pixels, depth and width: rough',
  },
} as const;
