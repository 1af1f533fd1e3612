/** What a notice says: what the workflow knows, and what lies in the store of it. */
import type { RunConfig } from '../../../schemas/config/config.ts';
import { searchSummarySchema } from '../../../schemas/config/search.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { storePaths } from '../../../schemas/names.ts';
import { noticeSchema, type Notice } from '../../../schemas/notice.ts';
import { summarySchema } from '../../../schemas/summary.ts';
import type { NoticeFacts, NoticeReference } from '../../../schemas/workflows.ts';
import { readExperiment } from '../../experiments/read-experiment.ts';
import { findVersion } from '../../models/registry.ts';
import { withoutSecrets } from '../../process/secrets.ts';
import { readSearch } from '../../searches/read-search.ts';
import type { Store } from '../../store/store.ts';
import { getStored } from '../../store/stored-json.ts';
import { runConfigSchema } from '../../../schemas/config/config.ts';

/** What a notice is about. */
export interface NoticeSource {
  /** Of the run, the experiment or the search. */
  readonly name: string;
  readonly notify: RunConfig['notify'];
}

/** @throws ModalmixError `input` when its config is not in the store */
export async function readNoticeSource(
  store: Store,
  { type, runId }: Pick<NoticeReference, 'type' | 'runId'>,
): Promise<NoticeSource> {
  if (type.startsWith('experiment.')) {
    const { name, base } = await readExperiment(store, runId);
    return { name, notify: base.notify };
  }
  if (type.startsWith('search.')) {
    const { config, base } = await readSearch(store, runId);
    return { name: config.name, notify: base.notify };
  }
  const { name, notify } = await getStored(store, storePaths.runConfig(runId), runConfigSchema, 'restart');
  return { name, notify };
}

/** @throws ModalmixError `input` when the store lacks what it tells of; `internal` when the workflow does */
export async function composeNotice(
  store: Store,
  { name }: NoticeSource,
  { type, runId, at, facts = {} }: NoticeReference,
): Promise<Notice> {
  const data = { runId, name, ...(await dataOf(store, type, runId, facts)) };
  const parsed = noticeSchema.safeParse({ version: 1, type, timestamp: at, data });
  if (parsed.success) return parsed.data;
  throw new ModalmixError('internal', `the notice ${type} lacks what it tells of`, {
    where: runId,
    cause: parsed.error,
  });
}

async function dataOf(
  store: Store,
  type: Notice['type'],
  runId: string,
  facts: NoticeFacts,
): Promise<object> {
  const { trainings, failed, reason, fix } = facts;
  switch (type) {
    case 'run.completed': {
      const { dataset, rows } = await getStored(store, storePaths.summary(runId), summarySchema, 'remake');
      const results = rows.map(({ method, seeds, accuracy: { mean, std } }) => ({
        ...{ method, seeds: seeds.length, accuracy: mean },
        ...(std === undefined ? {} : { std }),
      }));
      return { dataset, report: `${store.uri}/${storePaths.report(runId)}`, results };
    }
    case 'experiment.completed':
      return { report: `${store.uri}/${storePaths.experimentReport(runId)}`, trainings, failed };
    case 'search.completed': {
      const path = storePaths.searchSummary(runId);
      const { methods } = await getStored(store, path, searchSummarySchema, 'remake');
      const best = methods.flatMap(({ method, best: [first] }) =>
        first === undefined
          ? []
          : [{ method, trial: first.trial, accuracy: first.accuracy.mean, loss: first.loss.mean }],
      );
      return { report: `${store.uri}/${storePaths.searchReport(runId)}`, trainings, failed, best };
    }
    case 'gate.decided':
      return await decisionOf(store, facts);
    default:
      return {
        ...(reason === undefined ? {} : { reason: withoutSecrets(reason) }),
        ...(fix === undefined ? {} : { fix: withoutSecrets(fix) }),
      };
  }
}

async function decisionOf(store: Store, { model = '', window, decision }: NoticeFacts): Promise<object> {
  const { version, promoted, note } = decision ?? {};
  const made = version === undefined ? undefined : await findVersion(store, model, version);
  return {
    ...{ model, window, promoted, note },
    ...(version === undefined ? {} : { version }),
    reasons: made?.decision?.reasons ?? [],
  };
}
