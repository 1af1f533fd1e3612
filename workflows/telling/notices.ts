/** Tells of how a workflow ended, where its config says to whom; without holding it up or failing it. */
import {
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowCancellationType,
  ContinueAsNew,
  ParentClosePolicy,
  isCancellation,
  log,
  startChild,
  uuid4,
} from '@temporalio/workflow';
import type { NoticeType } from '../../schemas/config/notify-config.ts';
import { runReferenceOf, workflowIds, type NoticeFacts, type RunReference } from '../../schemas/workflows.ts';
import { reasonOf } from '../failures.ts';
import { notifyWebhooks } from './notify-webhooks.ts';

type Kind<End extends string> = NoticeType extends infer Type
  ? Type extends `${infer Of}.${End}`
    ? Of
    : never
  : never;

/**
 * Runs a workflow's body. What its own executions hand on is no end.
 *
 * @param completed what to tell of its output; undefined: nothing
 */
export async function noticed<T>(
  input: RunReference,
  kind: Kind<'failed'>,
  body: () => Promise<T>,
  completed?: (output: T) => { readonly type: NoticeType; readonly facts?: NoticeFacts },
): Promise<T> {
  if (input.notifies !== true) return await body();
  try {
    const output = await body();
    if (completed !== undefined) {
      const { type, facts } = completed(output);
      await tell(input, type, facts);
    }
    return output;
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    await CancellationScope.nonCancellable(async () => {
      if (isCancellation(error)) await tell(input, `${kind}.cancelled`);
      else await tell(input, `${kind}.failed`, failureFacts(error));
    });
    throw error;
  }
}

/** Leaves it to a workflow that goes on by itself. */
export async function tell(input: RunReference, type: NoticeType, facts?: NoticeFacts): Promise<void> {
  if (input.notifies !== true) return;
  const noticeId = uuid4();
  try {
    await startChild(notifyWebhooks, {
      workflowId: workflowIds.notify(input.runId, noticeId),
      args: [
        {
          ...runReferenceOf(input),
          ...{ noticeId, type, at: new Date().toISOString() },
          ...(facts === undefined ? {} : { facts }),
        },
      ],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
    });
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.warn(`nobody is told of ${type}: ${reasonOf(error)}`);
  }
}

function failureFacts(error: unknown): NoticeFacts {
  const fix = fixOf(error);
  return { reason: reasonOf(error), ...(fix === undefined ? {} : { fix }) };
}

/** As `activities/failures.ts` gives it. */
function fixOf(error: unknown): string | undefined {
  for (let here = error; here instanceof Error; here = here.cause) {
    if (!(here instanceof ApplicationFailure)) continue;
    const [facts] = (here.details ?? []) as readonly ({ readonly fix?: unknown } | undefined)[];
    if (typeof facts?.fix === 'string') return facts.fix;
  }
  return undefined;
}
