/** Watches running workflows: their progress while they run, their outputs when they are done. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ServiceError,
  WorkflowFailedError,
  type Client,
  type WorkflowExecutionDescription,
} from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { ERROR_KINDS, ModalmixError, type ErrorKind } from '../schemas/errors.ts';
import type { Progress } from '../schemas/progress.ts';
import { answered } from './answered.ts';
import { REFUSAL_FIX, isRefusal, refusalSentence, wasBegunBefore } from '../schemas/seals.ts';
import { MESSAGES } from '../schemas/workflows.ts';

/** A query needs a worker; one that is busy starting answers later. */
const QUERY_TIMEOUT_MS = 5_000;
const RETRY_SERVER_MS = 1_000;
const REVIVE_EVERY_MS = 5_000;

export interface FollowOptions {
  readonly onProgress: (progress: Progress) => void;
  readonly pollMs: number;
  /** Stops watching; the workflows run on. */
  readonly signal: AbortSignal;
  /** Called when the server does not answer. */
  readonly revive: () => Promise<void>;
  /** Whether what works for the run has ended, and nobody starts it again; `revive` is then called. */
  readonly isAbandoned: () => boolean;
  /** Why there is no worker and will be none. */
  readonly workerFailure: () => ModalmixError | undefined;
}

/** Watching was stopped; the run goes on. */
export class Detached extends Error {
  override readonly name = 'Detached';
}

/**
 * @returns the workflows' outputs, in order
 * @throws Detached when `signal` is aborted
 * @throws ModalmixError the workflow's own error; `cancelled` when it was cancelled; what `workerFailure` says
 */
export async function follow(
  client: Client,
  workflowIds: readonly string[],
  options: FollowOptions,
): Promise<unknown[]> {
  const outputs: unknown[] = [];
  const { signal } = options;
  const detached = () => signal.aborted;
  let revivedAt = -Infinity;
  for (;;) {
    if (detached()) throw new Detached();
    try {
      const open = await openWorkflows(client, workflowIds);
      if (open.length > 0 && options.isAbandoned() && performance.now() - revivedAt > REVIVE_EVERY_MS) {
        revivedAt = performance.now();
        await options.revive();
      }
      const failure = open.length === 0 ? undefined : options.workerFailure();
      if (failure !== undefined) throw failure;
      options.onProgress(await progressOf(client, workflowIds));
      if (open.length === 0) break;
      await sleep(options.pollMs, undefined, { signal });
    } catch (error) {
      if (detached()) throw new Detached();
      if (!(error instanceof ServiceError)) throw error;
      await options.revive();
      await sleep(RETRY_SERVER_MS);
    }
  }
  for (const workflowId of workflowIds) {
    try {
      outputs.push(await answered(async () => await resultOf(client, workflowId), options));
    } catch (error) {
      throw error instanceof WorkflowFailedError ? unwrapFailure(error) : error;
    }
  }
  return outputs;
}

async function resultOf(client: Client, workflowId: string): Promise<unknown> {
  const handle = client.workflow.getHandle(workflowId);
  const result: unknown = await handle.result();
  if (!isRefusal(result)) return result;
  if (wasBegunBefore(result, (await handle.describe()).startTime.getTime())) return result.values[0];
  throw new ModalmixError('config', `its result is ${refusalSentence(result['modalmix:refused'])}`, {
    where: workflowId,
    fix: REFUSAL_FIX,
  });
}

async function openWorkflows(client: Client, workflowIds: readonly string[]): Promise<string[]> {
  const states = await Promise.all(
    workflowIds.map(async (workflowId) => ({
      workflowId,
      state: (await client.workflow.getHandle(workflowId).describe()).status.name,
    })),
  );
  return states.filter(({ state }) => state === 'RUNNING').map(({ workflowId }) => workflowId);
}

/** The progress of several workflows and of their children as one. */
export async function progressOf(client: Client, workflowIds: readonly string[]): Promise<Progress> {
  const parts = await Promise.all(
    workflowIds.map(async (workflowId) => await oneProgress(client, workflowId)),
  );
  const told = parts.filter((part) => part !== undefined);
  const first = told[0];
  if (first === undefined) {
    const note = 'no worker answers yet';
    return { runId: workflowIds[0] ?? '', state: 'running', stages: [], children: [], note };
  }
  const retrying = await retryingNote(client, [...workflowIds, ...told.flatMap(({ children }) => children)]);
  const merged = {
    ...first,
    stages: told.flatMap(({ stages }) => stages),
    children: told.flatMap(({ children }) => children),
  };
  return retrying === undefined ? merged : { ...merged, note: retrying };
}

async function oneProgress(client: Client, workflowId: string): Promise<Progress | undefined> {
  const own = await queryProgress(client, workflowId);
  if (own === undefined) return undefined;
  const children = await Promise.all(own.children.map(async (child) => await queryProgress(client, child)));
  const finer = new Map(
    children.flatMap((child) => child?.stages ?? []).map((stage) => [stage.label, stage]),
  );
  return { ...own, stages: own.stages.map((stage) => finer.get(stage.label) ?? stage) };
}

async function queryProgress(client: Client, workflowId: string): Promise<Progress | undefined> {
  try {
    const progress = await client.connection.withDeadline(Date.now() + QUERY_TIMEOUT_MS, async () =>
      client.workflow.getHandle(workflowId).query<Progress>(MESSAGES.progress),
    );
    return isRefusal(progress) ? undefined : progress;
  } catch {
    // An unanswered query says that no worker is there; `describe` tells whether the server is.
    return undefined;
  }
}

/** What an activity failed with that is being tried again, in words. */
export async function retryingNote(
  client: Client,
  workflowIds: readonly string[],
): Promise<string | undefined> {
  for (const workflowId of workflowIds) {
    const { raw } = await client.workflow.getHandle(workflowId).describe();
    for (const pending of raw.pendingActivities ?? []) {
      const message = await wordsOf(client, workflowId, pending);
      if (message !== '') {
        return `${pending.activityType?.name ?? 'an activity'} is tried again (attempt ${String(pending.attempt)}): ${message}`;
      }
    }
  }
  return undefined;
}

type PendingActivity = NonNullable<
  NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number]
>;

/** What it failed with, also where that is encrypted. */
async function wordsOf(
  { options }: Client,
  workflowId: string,
  { activityId, lastFailure }: PendingActivity,
): Promise<string> {
  const encoded = lastFailure?.encodedAttributes;
  const { payloadCodecs, payloadConverter } = options.loadedDataConverter;
  if (encoded === null || encoded === undefined) return lastFailure?.message ?? '';
  const { namespace } = options;
  const place = { type: 'activity', namespace, workflowId, isLocal: false } as const;
  const context = activityId === null || activityId === undefined ? place : { ...place, activityId };
  let payloads = [encoded];
  for (const codec of payloadCodecs) payloads = await codec.decode(payloads, context);
  const words = payloadConverter.fromPayload<{ readonly message?: unknown }>(payloads[0]!);
  return typeof words.message === 'string' ? words.message : '';
}

/** The stage's own error out of what Temporal wrapped around it. */
export function unwrapFailure(error: WorkflowFailedError): ModalmixError {
  let cause: unknown = error.cause;
  for (let here: unknown = error.cause; here instanceof Error; here = here.cause) {
    cause = here;
    if (here instanceof CancelledFailure) {
      return new ModalmixError('cancelled', 'the run was cancelled', {
        fix: 'Start it again; it goes on from what is done.',
      });
    }
    const kind = here instanceof ApplicationFailure ? kindOf(here.type) : undefined;
    if (here instanceof ApplicationFailure && kind !== undefined) {
      const facts = (here.details?.[0] ?? {}) as { where?: string; fix?: string };
      return new ModalmixError(kind, here.message, { ...facts, cause: here });
    }
  }
  return new ModalmixError('internal', cause instanceof Error ? cause.message : error.message, { cause });
}

function kindOf(type: string | undefined | null): ErrorKind | undefined {
  return ERROR_KINDS.find((kind) => kind === type);
}
