/** What is known of one run that does not change every second: where its files are, its trainings, its report. */
import { readRunConfig } from '../../../activities/run-config.ts';
import { pageOf, embeddedTemporal } from '../../../infra/temporal/embedded-server.ts';
import { findRunDataset } from '../../../pipelines/shards/manifest/load-manifest.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { trainingSpecs } from '../../../pipelines/training/training-spec.ts';
import type { FoundRun } from '../../../runs/find-runs.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { storePaths } from '../../../schemas/names.ts';
import { WORKFLOWS } from '../../../schemas/workflows.ts';
import { isName, type Stores } from '../stores.ts';
import { problemOf } from '../problems.ts';
import type { Problem, RunFacts } from '../../wire.ts';
import { canStart } from './start-again.ts';
import type { TemporalLink } from './temporal-link.ts';

export async function runFacts(run: FoundRun, stores: Stores, link: TemporalLink): Promise<RunFacts> {
  const { workflowId, runId, storeUri } = run;
  const base = { workflowId, runId, ...temporalPage(link, workflowId), ...(await failureOf(run, link)) };
  if (storeUri === undefined || !isName(runId)) return { ...base, trainings: [], canStart: false };
  const id = stores.add(storeUri);
  const store = stores.get(id);
  const { trainings, config } = await trainingsOf(store, runId);
  const dataset = await findRunDataset(store, runId).catch(() => undefined);
  const kind = reportKind(run);
  return {
    ...base,
    store: { id, uri: store.uri },
    ...(dataset === undefined ? {} : { dataset }),
    trainings,
    ...((await store.exists(reportPath(kind, runId)))
      ? { report: `/api/stores/${id}/reports/${kind}/${encodeURIComponent(runId)}` }
      : {}),
    canStart: run.state !== 'running' && canStart(run.type),
    ...(config === undefined ? {} : { config }),
  };
}

export const REPORT_KINDS = ['run', 'experiment', 'search', 'model'] as const;
export type ReportKind = (typeof REPORT_KINDS)[number];

export function reportPath(kind: ReportKind, name: string): string {
  switch (kind) {
    case 'experiment':
      return storePaths.experimentReport(name);
    case 'search':
      return storePaths.searchReport(name);
    case 'model':
      return storePaths.modelReport(name);
    case 'run':
      return storePaths.report(name);
  }
}

function reportKind({ type }: FoundRun): ReportKind {
  if (type === WORKFLOWS.runExperiment) return 'experiment';
  return type === WORKFLOWS.runSearch ? 'search' : 'run';
}

/** Of a run whose dataset is built: every method and seed. */
async function trainingsOf(store: Store, runId: string): Promise<{ trainings: string[]; config?: string }> {
  try {
    const config = await readRunConfig(store, runId);
    const text = JSON.stringify(config, null, 2);
    const dataset = await findRunDataset(store, runId);
    if (dataset === undefined) return { trainings: [], config: text };
    return { trainings: trainingSpecs(config, dataset).map(({ trainingId }) => trainingId), config: text };
  } catch {
    // An experiment's or search's folder, or one of another release.
    return { trainings: [] };
  }
}

function temporalPage({ session }: TemporalLink, workflowId: string): { temporal?: string } {
  const server = session?.embedded === true ? embeddedTemporal.running() : undefined;
  if (server === undefined) return {};
  return { temporal: `${pageOf(server)}/namespaces/default/workflows/${encodeURIComponent(workflowId)}` };
}

async function failureOf(run: FoundRun, { session }: TemporalLink): Promise<{ failure?: Problem }> {
  if (session === undefined || !['failed', 'terminated', 'timed_out'].includes(run.state)) return {};
  if (run.state === 'terminated')
    return { failure: { message: 'it was ended from outside, by a command of Temporal' } };
  try {
    await session.client.workflow.getHandle(run.workflowId).result();
    return {};
  } catch (error) {
    const { WorkflowFailedError } = await import('@temporalio/client');
    if (!(error instanceof WorkflowFailedError)) return {};
    const { unwrapFailure } = await import('../../../runs/follow.ts');
    const { kind, message, where, fix } = unwrapFailure(error);
    // A stage's mistake is told here as its command tells it.
    return {
      failure: problemOf(
        new ModalmixError(kind === 'internal' ? 'input' : kind, message, {
          ...(where === undefined ? {} : { where }),
          ...(fix === undefined ? {} : { fix }),
        }),
      ),
    };
  }
}
