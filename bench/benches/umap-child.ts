/** The child process of `umap.ts`. */
import { projectFeatures } from '../../pipelines/evaluation/project-features.ts';
import { serveParent } from '../../pipelines/process/child-process.ts';
import { randomGenerator } from '../../pipelines/random/generator.ts';
import { umapTaskSchema } from './umap.ts';

const CLUSTERS = 10;
const NEIGHBORS = 15;
const MIN_DIST = 0.1;

serveParent(async (input, { report }) => {
  const { points, features, seed } = umapTaskSchema.parse(input);
  const random = randomGenerator(seed, 'bench/umap');
  const centres = Array.from({ length: CLUSTERS }, () =>
    Array.from({ length: features }, () => random.normal()),
  );
  const train = Array.from({ length: points }, (_, i) =>
    centres[i % CLUSTERS]!.map((centre) => centre + random.normal()),
  );
  const projection = await projectFeatures({
    train,
    test: [],
    neighbors: NEIGHBORS,
    minDist: MIN_DIST,
    seed,
    space: 'bench',
    onProgress: report,
  });
  return projection.train.length;
});
