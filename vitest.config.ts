import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // TensorFlow and ffmpeg use every core themselves.
    maxWorkers: 2,
    // Long enough for a busy machine: a limit here finds what hangs, not what is slow.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // Tests work with the embedded servers, wherever the shell points.
    env: { TEMPORAL_ADDRESS: '', KAFKA_BROKERS: '' },
  },
});
