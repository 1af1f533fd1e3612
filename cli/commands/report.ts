/** `modalmix report`: writes a run's report again from what is in the store. */
import { reportOf } from '../../activities/write-run-report.ts';
import { prepareRun } from '../prepare-run.ts';
import type { Screen } from '../screens/screen.ts';
import { showResult } from '../show-result.ts';
import { publishedDataset } from './train.ts';

/** @param target a config file or a folder of clips */
export async function report(target: string, screen: Screen): Promise<void> {
  const prepared = await prepareRun(target, screen);
  await reportOf(prepared.store, prepared.runId, await publishedDataset(prepared, target));
  await showResult(prepared, screen);
}
