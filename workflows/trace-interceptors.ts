/**
 * A workflow's span, and its place in what it starts. Whether an execution is traced stands in what started it, and its span's
 * id follows from its own: a replay takes the same steps, traced or not.
 */
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import {
  ContinueAsNew,
  isCancellation,
  proxySinks,
  workflowInfo,
  type Sinks,
  type WorkflowInterceptorsFactory,
} from '@temporalio/workflow';
import { isRecord } from '../schemas/is-record.ts';
import {
  TRACE_HEADER,
  parseTraceparent,
  traceparentOf,
  type Span,
  type TraceContext,
} from '../schemas/trace.ts';

export interface TraceSinks extends Sinks {
  tracing: { span(span: Span): void };
}

const { tracing } = proxySinks<TraceSinks>();

export const interceptors: WorkflowInterceptorsFactory = () => {
  let own: TraceContext | undefined;
  /** What began it, which the next execution is begun by too. */
  let above: Payload | undefined;
  const below = <Headers extends Readonly<Record<string, Payload>>>(headers: Headers) =>
    own === undefined
      ? headers
      : {
          ...headers,
          [TRACE_HEADER]: defaultPayloadConverter.toPayload({ traceparent: traceparentOf(own) }),
        };

  return {
    inbound: [
      {
        execute: async (input, next) => {
          above = input.headers[TRACE_HEADER];
          const parent = contextOf(above);
          if (parent === undefined) return await next(input);
          const { workflowId, runId, workflowType, startTime } = workflowInfo();
          own = { traceId: parent.traceId, spanId: spanIdOf(runId) };
          const span = {
            ...{ ...own, parentSpanId: parent.spanId, name: `RunWorkflow:${workflowType}` },
            ...{ startMs: startTime.getTime(), attributes: { workflowId, runId } },
          };
          try {
            const output = await next(input);
            tracing.span({ ...span, endMs: Date.now() });
            return output;
          } catch (error) {
            const isFailure = !(error instanceof ContinueAsNew) && !isCancellation(error);
            const message = error instanceof Error ? error.message : String(error);
            tracing.span({ ...span, endMs: Date.now(), ...(isFailure ? { error: message } : {}) });
            throw error;
          }
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next({ ...input, headers: below(input.headers) }),
        startChildWorkflowExecution: (input, next) => next({ ...input, headers: below(input.headers) }),
        continueAsNew: (input, next) =>
          next(
            above === undefined ? input : { ...input, headers: { ...input.headers, [TRACE_HEADER]: above } },
          ),
      },
    ],
  };
};

function contextOf(payload: Payload | undefined): TraceContext | undefined {
  if (payload === undefined) return undefined;
  try {
    const carried: unknown = defaultPayloadConverter.fromPayload(payload);
    return isRecord(carried) ? parseTraceparent(carried['traceparent']) : undefined;
  } catch {
    // Not ours: nothing that a run hangs on.
    return undefined;
  }
}

/** An execution's id is a UUID. */
function spanIdOf(runId: string): string {
  return runId.replaceAll('-', '').slice(-16).padStart(16, '1');
}
