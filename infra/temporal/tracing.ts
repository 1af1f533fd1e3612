/** Spans of commands, workflows and activities, from the one to the other by Temporal's headers. */
import type { Context } from '@temporalio/activity';
import type { WorkflowClientInterceptor } from '@temporalio/client';
import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import type { ActivityInterceptors, InjectedSinks } from '@temporalio/worker';
import { currentTrace, inSpan, sendSpan } from '../../pipelines/process/tracing/tracer.ts';
import { isRecord } from '../../schemas/is-record.ts';
import { TRACE_HEADER, parseTraceparent, traceparentOf, type TraceContext } from '../../schemas/trace.ts';
import type { TraceSinks } from '../../workflows/trace-interceptors.ts';

/** What a client starts is below the span at work. */
export const tracingClient: WorkflowClientInterceptor = {
  startWithDetails: async (input, next) => {
    const trace = currentTrace();
    if (trace === undefined) return await next(input);
    const payload = defaultPayloadConverter.toPayload({ traceparent: traceparentOf(trace) });
    return await next({ ...input, headers: { ...input.headers, [TRACE_HEADER]: payload } });
  },
};

/** A span for each try of an activity. */
export function tracingActivity({ info }: Context): ActivityInterceptors {
  return {
    inbound: {
      execute: async (input, next) => {
        const parent = contextOf(input.headers);
        if (parent === undefined) return await next(input);
        const { activityType, attempt, taskQueue, workflowExecution } = info;
        const attributes = {
          ...{ attempt, taskQueue, workflowId: workflowExecution?.workflowId ?? '' },
          queueWaitMs: Math.max(0, Date.now() - info.currentAttemptScheduledTimestampMs),
        };
        return await inSpan(`RunActivity:${activityType}`, async () => await next(input), {
          parent,
          attributes,
        });
      },
    },
  };
}

/** What workflows tell of themselves; also where nothing is sent anywhere. */
export const tracingSinks: InjectedSinks<TraceSinks> = {
  tracing: {
    span: {
      fn: (_info, span) => {
        sendSpan(span);
      },
      callDuringReplay: false,
    },
  },
};

function contextOf(headers: Headers): TraceContext | undefined {
  const payload = headers[TRACE_HEADER];
  if (payload === undefined) return undefined;
  try {
    const carried: unknown = defaultPayloadConverter.fromPayload(payload);
    return isRecord(carried) ? parseTraceparent(carried['traceparent']) : undefined;
  } catch {
    return undefined;
  }
}
