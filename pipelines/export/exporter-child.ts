/** Entry of the export's child process (see `run-export.ts`). */
import { serveParent } from '../process/child-process.ts';
import { openStore } from '../store/open-store.ts';
import { exportModel } from './export-model.ts';
import { exportInputSchema } from './run-export.ts';

serveParent(async (input) => {
  const { storeUri, ...rest } = exportInputSchema.parse(input);
  return await exportModel({ store: openStore(storeUri), ...rest });
});
