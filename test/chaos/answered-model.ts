/** What a model with several versions is trained by, whose stream is answered. */

/** Of the config whose `training` this is. */
export function trainingOfVersions(versions: number): object {
  return {
    methods: ['b-mm'],
    seeds: Array.from({ length: versions }, (_, seed) => seed),
    epochs: 2,
    batchSize: 4,
    encoder: { width: 4 },
    cropPx: 32,
    optimizer: { name: 'adam' },
    threads: 1,
  };
}
