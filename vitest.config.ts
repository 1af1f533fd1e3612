import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // TensorFlow and ffmpeg use every core themselves.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Tests work with the embedded servers, wherever the shell points.
    env: { TEMPORAL_ADDRESS: '', KAFKA_BROKERS: '' },
  },
});
