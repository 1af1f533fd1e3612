/** This process's spans: which one is at work, and their way out. Where no collector is named, all of it does nothing. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { parseTraceparent, traceparentOf, type Span, type TraceContext } from '../../../schemas/trace.ts';
import { otlpRequest, otlpSettings, type OtlpSettings } from './otlp.ts';

const SEND_EVERY_MS = 2_000;
const SPANS_AT_ONCE = 512;
/** More are dropped: a collector that is away costs no memory. */
const SPANS_KEPT = 4_096;

const at = new AsyncLocalStorage<TraceContext>();
const waiting: Span[] = [];
let timer: NodeJS.Timeout | undefined;
let sending: Promise<void> = Promise.resolve();
let settings: OtlpSettings | undefined | null = null;

function target(): OtlpSettings | undefined {
  if (settings === null) settings = otlpSettings(process.env);
  return settings;
}

/** Whether spans of this process are sent anywhere. */
export function isTracing(): boolean {
  return target() !== undefined;
}

/** Of the span at work; else what the environment hands on (`TRACEPARENT`). Undefined where nothing is traced. */
export function currentTrace(): TraceContext | undefined {
  if (!isTracing()) return undefined;
  return at.getStore() ?? parseTraceparent(process.env['TRACEPARENT']);
}

/** What a child process is started with, so that what it traces is below the span at work. */
export function traceEnvironment(): Record<string, string> {
  const trace = currentTrace();
  return trace === undefined ? {} : { TRACEPARENT: traceparentOf(trace) };
}

/**
 * Does the work within a span.
 *
 * @param options.parent absent: the span at work, else a trace of its own begins
 */
export async function inSpan<T>(
  name: string,
  work: () => Promise<T>,
  options: { readonly parent?: TraceContext | undefined; readonly attributes?: Span['attributes'] } = {},
): Promise<T> {
  if (!isTracing()) return await work();
  const parent = options.parent ?? currentTrace();
  const own = {
    traceId: parent?.traceId ?? randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
  };
  const startMs = now();
  const end = (error?: string) => {
    sendSpan({
      ...{ ...own, name, startMs, endMs: now(), attributes: options.attributes ?? {} },
      ...(parent === undefined ? {} : { parentSpanId: parent.spanId }),
      ...(error === undefined ? {} : { error }),
    });
  };
  try {
    const output = await at.run(own, work);
    end();
    return output;
  } catch (error) {
    end(error instanceof Error ? error.message : String(error));
    throw error;
  }
}

function now(): number {
  return performance.timeOrigin + performance.now();
}

/** Sent with others, soon. */
export function sendSpan(span: Span): void {
  if (!isTracing() || waiting.length >= SPANS_KEPT) return;
  waiting.push(span);
  timer ??= setTimeout(() => void flushSpans(), SEND_EVERY_MS).unref();
}

/** What is not sent by then is lost; a collector that refuses spans, or is away, fails nothing. */
export async function flushSpans(): Promise<void> {
  clearTimeout(timer);
  timer = undefined;
  const to = target();
  if (to === undefined) return;
  sending = sending.then(async () => {
    while (waiting.length > 0) {
      const spans = waiting.splice(0, SPANS_AT_ONCE);
      const body = JSON.stringify(otlpRequest(spans, to.resource));
      const isTaken = await post(to, body);
      if (!isTaken) return;
    }
  });
  await sending;
}

async function post({ url, headers, timeoutMs }: OtlpSettings, body: string): Promise<boolean> {
  try {
    const response = await fetch(url, {
      ...{ method: 'POST', redirect: 'manual', body, signal: AbortSignal.timeout(timeoutMs) },
      headers: { ...headers, 'content-type': 'application/json' },
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
