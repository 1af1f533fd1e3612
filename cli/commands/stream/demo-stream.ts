/**
 * `modalmix demo --stream`: a first model from files, then three batches of clips by Kafka, each of which
 * becomes a candidate that the gate promotes or not. Called again, it goes on where it stopped.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readHistory } from '../../../pipelines/models/history.ts';
import { findOutcome, listWindows } from '../../../pipelines/models/windows.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { Progress } from '../../../schemas/progress.ts';
import { MESSAGES, workflowIds } from '../../../schemas/workflows.ts';
import { embeddedConfig } from '../../../runs/embedded-config.ts';
import { fileToOpen } from '../../../runs/file-to-open.ts';
import { progressOf, unwrapFailure } from '../../../runs/follow.ts';
import { versionsText } from '../../text/model-text.ts';
import { prepareRun, type PreparedRun } from '../../../runs/prepare-run.ts';
import type { Screen } from '../../../runs/screen.ts';
import { connect, type Session } from '../../../runs/session.ts';
import { BATCHES, arrivingBatch } from './arriving-clips.ts';
import { modelNameOf, startRetraining } from './retrain.ts';
import { run } from '../run.ts';
import { ensureParts } from './connect.ts';

const POLL_MS = 500;
const INGEST_WORKERS = 2;
const SEED = 100;
/** A full window closes within a second or two; one that an interruption left half full is closed by hand. */
const CLOSES_BY_ITSELF_MS = 5_000;

/** @param given absent: the embedded config; its dataset must be digits */
export async function demoStream(screen: Screen, given?: string): Promise<void> {
  screen.say(
    'A digit model that stays trained while clips arrive on Kafka: 200 events, of which 10 are sent twice and\n' +
      '10 cannot be used. All parts are real and run here. Takes about 4 minutes on two cores.\n',
  );
  const configFile = given ?? (await embeddedConfig('stream-demo', screen));
  await ensureParts(screen);
  screen.say('1. The first model, from files.');
  await run(configFile, {}, screen);
  const prepared = await prepareRun(configFile, screen);
  const session = await connect(screen);
  const stop = new AbortController();
  const { keepStreamProcesses } = await import('../../../infra/supervisor/stream-processes.ts');
  const logFile = join(rootOf(prepared), 'workers.log');
  const workers = keepStreamProcesses({
    ...{ configFile, ingest: INGEST_WORKERS, logFile, signal: stop.signal },
    onRestart: (role, how) => {
      screen.say(`   the ${role} worker died (${how}) and is started again`);
    },
  });
  try {
    await Promise.race([workers, streamBatches(prepared, session, screen)]);
    screen.close();
    screen.say(`\n${versionsText(await readHistory(prepared.store, modelNameOf(prepared)))}`);
    const report = await fileToOpen(prepared.store, storePaths.modelReport(modelNameOf(prepared)));
    screen.say(`\nThe model's history: ${report.text}`);
    screen.event('finished', { runId: prepared.runId, model: modelNameOf(prepared), report: report.file });
  } finally {
    stop.abort();
    await workers;
    await endRetraining(session, prepared);
    await session.close();
  }
}

async function streamBatches(prepared: PreparedRun, session: Session, screen: Screen): Promise<void> {
  const { connection } = await (await import('../../../infra/kafka/ensure-kafka.ts')).ensureKafka();
  const { ensureTopics } = await import('../../../pipelines/streaming/kafka/topics.ts');
  const { connectProducer, disconnect } = await import('../../../pipelines/streaming/kafka/clients.ts');
  const { deliver } = await import('../../../pipelines/streaming/kafka/deliver.ts');
  const { streamConfigSchema } = await import('../../../schemas/config/stream-config.ts');
  const topics = await ensureTopics(connection, prepared.config.stream ?? streamConfigSchema.parse({}));
  await startRetraining(session, prepared);
  const producer = await connectProducer(connection, 'demo', { dr_cb: true });
  try {
    for (const number of BATCHES.keys()) {
      const batch = await arrivingBatch(number + 1, { root: rootOf(prepared), topics, seed: SEED });
      screen.say(
        `\n${String(number + 2)}. Batch ${String(batch.number)}: ${String(batch.newClips.length)} new clips, ` +
          `${String(batch.duplicates)} sent twice, ${String(batch.unusable.length)} that cannot be used.`,
      );
      const windows = (await listWindows(prepared.store, modelNameOf(prepared))).length;
      await deliver(producer, batch.records);
      await learnt(prepared, session, screen, windows);
    }
  } finally {
    await disconnect(producer);
  }
}

/** Waits until what was sent is in shards, its window closed and its candidate decided about. */
async function learnt(
  prepared: PreparedRun,
  session: Session,
  screen: Screen,
  windowsBefore: number,
): Promise<void> {
  const { store } = prepared;
  const model = modelNameOf(prepared);
  const handle = session.client.workflow.getHandle(workflowIds.retrain(prepared.runId));
  await drained(prepared);
  let asked = false;
  const closeAt = performance.now() + CLOSES_BY_ITSELF_MS;
  for (;;) {
    const windows = await listWindows(store, model);
    const open = await isOpen(prepared, windows.length + 1);
    if (windows.length === windowsBefore && !open) {
      screen.say('   All of it was known already.');
      return;
    }
    if (windows.length === windowsBefore && !asked && performance.now() > closeAt) {
      await handle.signal(MESSAGES.closeWindow);
      asked = true;
    }
    const last = windows.at(-1);
    const outcome = last === undefined ? undefined : await findOutcome(store, model, last.number);
    if (last !== undefined && windows.length > windowsBefore && outcome !== undefined) {
      screen.close();
      const version = outcome.version === undefined ? '' : ` version ${String(outcome.version)}`;
      screen.say(
        `   Window ${String(last.number)}, ${String(last.newClips)} clips in shards:${version} ${outcome.promoted ? 'promoted' : 'not promoted'}.\n` +
          `   ${outcome.note.replaceAll('; ', '\n   ')}`,
      );
      screen.event('window', { ...last, outcome });
      return;
    }
    screen.progress(await retrainProgress(session, handle.workflowId));
    await sleep(POLL_MS);
  }
}

/** @throws ModalmixError the retraining's own error, when it has ended */
async function retrainProgress(session: Session, workflowId: string): Promise<Progress> {
  const { status } = await session.client.workflow.getHandle(workflowId).describe();
  if (status.name === 'RUNNING') return await progressOf(session.client, [workflowId]);
  const { WorkflowFailedError } = await import('@temporalio/client');
  try {
    await session.client.workflow.getHandle(workflowId).result();
  } catch (error) {
    throw error instanceof WorkflowFailedError ? unwrapFailure(error) : error;
  }
  throw new ModalmixError('cancelled', 'the retraining was ended by somebody', { where: workflowId });
}

/** Until no event and no feature row waits. */
async function drained(prepared: PreparedRun): Promise<void> {
  const { ensureKafka } = await import('../../../infra/kafka/ensure-kafka.ts');
  const { streamSettings } = await import('../../../pipelines/streaming/stream-settings.ts');
  const { createExtractor } = await import('../../../pipelines/extraction/create-extractor.ts');
  const { readStreamStatus } = await import('../../../pipelines/streaming/lag.ts');
  const { target } = await streamSettings(prepared.config, (await createExtractor(() => undefined)).version);
  for (;;) {
    const { connection } = await ensureKafka();
    const { ingest, sink } = await readStreamStatus(connection, target, prepared.store);
    if ([...ingest, ...sink].every(({ lag }) => lag === 0)) return;
    await sleep(POLL_MS);
  }
}

/** Whether clips are in shards that no window has. */
async function isOpen(prepared: PreparedRun, number: number): Promise<boolean> {
  const { store } = prepared;
  // The retraining looks every second; once it has seen a new clip it says so.
  await sleep(2 * POLL_MS);
  return await store.exists(storePaths.retrainWindowOpening(modelNameOf(prepared), number));
}

async function endRetraining(session: Session, prepared: PreparedRun): Promise<void> {
  const handle = session.client.workflow.getHandle(workflowIds.retrain(prepared.runId));
  try {
    await handle.cancel();
    while ((await handle.describe()).status.name === 'RUNNING') await sleep(POLL_MS);
  } catch {
    // It never began, or has ended.
  }
}

function rootOf({ config }: PreparedRun): string {
  const [root] = config.stream?.allowedRoots ?? [];
  if (root !== undefined) return root;
  throw new ModalmixError('config', 'the demo needs a folder for the clips that arrive', {
    where: 'stream.allowedRoots',
    fix: 'Name one.',
  });
}
