/** Entry of the comparison's child process (see `compare-models.ts`). */
import { serveParent } from '../process/child-process.ts';
import { openStore } from '../store/open-store.ts';
import { comparisonInputSchema } from './compare-models.ts';
import { judgeModels } from './judge-models.ts';

serveParent(async (input, { report, stopRequested }) => {
  const { storeUri, dataset, candidate, current } = comparisonInputSchema.parse(input);
  return await judgeModels({
    store: openStore(storeUri),
    dataset,
    candidate,
    ...(current === undefined ? {} : { current }),
    report,
    stopRequested,
  });
});
