/** Writes the page of a model's history: what its windows brought, how its versions did, and what was current. */
import { storePaths } from '../../../schemas/names.ts';
import type { Provenance } from '../../../schemas/summary.ts';
import { trainingResultSchema } from '../../../schemas/training.ts';
import { describeEngine, gatherProvenance } from '../../evaluation/report/provenance.ts';
import { renderShell } from '../../evaluation/report/shell.ts';
import type { Store } from '../../store/store.ts';
import { findStored } from '../../store/stored-json.ts';
import { readHistory, type ModelHistory } from '../history.ts';
import { historyData } from './chart-data.ts';
import { listAnswerWindows } from '../answer-windows.ts';
import { accuracySection } from './sections/accuracy.ts';
import { answersSection } from './sections/answers.ts';
import { driftSection } from './sections/drift.ts';
import { headerSection } from './sections/header.ts';
import { movesSection } from './sections/moves.ts';
import { provenanceSection } from './sections/provenance.ts';
import { windowsSection } from './sections/windows.ts';

export interface WriteModelsReportInput {
  readonly store: Store;
  readonly model: string;
  /** Absent: this machine's, and the engine of the newest version's training. */
  readonly provenance?: Provenance;
}

/**
 * The page is a pure function of the registry and the provenance: written again, it has the same bytes.
 *
 * @returns the page's path within the store
 * @throws ModalmixError `config` when there is no such model, `input` when a record of it cannot be read
 */
export async function writeModelsReport(input: WriteModelsReportInput): Promise<string> {
  const { store, model } = input;
  const history = await readHistory(store, model);
  const provenance =
    input.provenance ??
    (await gatherProvenance(await engineOf(store, history), `modalmix models report ${model}`));
  const data = historyData(history);
  const page = await renderShell({
    title: model,
    header: headerSection(history),
    sections: [
      { id: 'accuracy', name: 'Accuracy', body: accuracySection(history) },
      { id: 'windows', name: 'Windows', body: windowsSection(history) },
      { id: 'drift', name: 'Drift', body: driftSection(data) },
      { id: 'answers', name: 'Answers', body: answersSection(await listAnswerWindows(store, model)) },
      { id: 'moves', name: 'Moves', body: movesSection(history.moves) },
      { id: 'provenance', name: 'Provenance', body: provenanceSection(history, provenance) },
    ],
    data,
    client: new URL('client/main.ts', import.meta.url),
  });
  const path = storePaths.modelReport(model);
  await store.put(path, page);
  return path;
}

async function engineOf(store: Store, { versions }: ModelHistory): Promise<string> {
  const newest = versions.at(-1);
  const result =
    newest && (await findStored(store, storePaths.trainingResult(newest.trainingId), trainingResultSchema));
  if (result === undefined) return 'not known: the newest training is not in this store';
  return describeEngine(result.environment);
}
