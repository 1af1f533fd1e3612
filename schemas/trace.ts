/** Trace contexts as W3C has them (`traceparent`), and the header in which Temporal's SDKs of all languages carry them. */

/** As OpenTelemetry's interceptors of the Temporal SDKs name it; its value is JSON, `{ traceparent }`. */
export const TRACE_HEADER = '_tracer-data';

/** A span that others are below. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 of them. */
  readonly spanId: string;
}

const TRACEPARENT = /^00-(?<traceId>[0-9a-f]{32})-(?<spanId>[0-9a-f]{16})-(?<flags>[0-9a-f]{2})$/u;

/** @returns undefined for what is none, and for a trace that is not sampled */
export function parseTraceparent(text: unknown): TraceContext | undefined {
  const groups = typeof text === 'string' ? TRACEPARENT.exec(text)?.groups : undefined;
  if (groups === undefined) return undefined;
  const { traceId = '', spanId = '', flags = '' } = groups;
  if (/^0+$/u.test(traceId) || /^0+$/u.test(spanId) || (Number.parseInt(flags, 16) & 1) === 0)
    return undefined;
  return { traceId, spanId };
}

export function traceparentOf({ traceId, spanId }: TraceContext): string {
  return `00-${traceId}-${spanId}-01`;
}

/** Spans are rare: a command, a workflow, an activity, a child process. */
export interface Span extends TraceContext {
  readonly parentSpanId?: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** Why it failed. */
  readonly error?: string;
}
