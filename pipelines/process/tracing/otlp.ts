/** Sends spans to an OpenTelemetry collector: OTLP over HTTP as JSON, as the usual environment variables say. */
import type { Span } from '../../../schemas/trace.ts';
import { withoutSecrets } from '../secrets.ts';

export interface OtlpSettings {
  /** With its path. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly resource: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

const SERVICE = 'modalmix';
const TIMEOUT_MS = 10_000;

/** @returns undefined where traces are not asked for */
export function otlpSettings(env: Environment): OtlpSettings | undefined {
  const base = given(env['OTEL_EXPORTER_OTLP_ENDPOINT']);
  const own = given(env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']);
  const url = own ?? (base === undefined ? undefined : `${base.replace(/\/+$/u, '')}/v1/traces`);
  if (url === undefined || !URL.canParse(url) || !/^https?:/u.test(url)) return undefined;
  if (given(env['OTEL_SDK_DISABLED'])?.toLowerCase() === 'true') return undefined;
  if (given(env['OTEL_TRACES_EXPORTER']) === 'none') return undefined;
  const timeout = Number(given(env['OTEL_EXPORTER_OTLP_TIMEOUT']) ?? TIMEOUT_MS);
  return {
    url,
    headers: {
      ...pairs(env['OTEL_EXPORTER_OTLP_HEADERS']),
      ...pairs(env['OTEL_EXPORTER_OTLP_TRACES_HEADERS']),
    },
    resource: {
      'service.name': SERVICE,
      ...pairs(env['OTEL_RESOURCE_ATTRIBUTES']),
      ...(given(env['OTEL_SERVICE_NAME']) === undefined ? {} : { 'service.name': env['OTEL_SERVICE_NAME']! }),
      'process.pid': String(process.pid),
    },
    timeoutMs: Number.isFinite(timeout) && timeout > 0 ? timeout : TIMEOUT_MS,
  };
}

function given(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text.trim();
}

/** `a=b,c=d`, whose values are percent-encoded. */
function pairs(text: string | undefined): Record<string, string> {
  const found = (text ?? '').split(',').flatMap((pair): [string, string][] => {
    const at = pair.indexOf('=');
    return at <= 0 ? [] : [[pair.slice(0, at).trim(), decoded(pair.slice(at + 1).trim())]];
  });
  return Object.fromEntries(found);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Kinds and states by OTLP's numbers. */
const INTERNAL = 1;
const FAILED = 2;

/** OTLP's `ExportTraceServiceRequest`. */
export function otlpRequest(spans: readonly Span[], resource: OtlpSettings['resource']): object {
  return {
    resourceSpans: [
      {
        resource: { attributes: attributesOf(resource) },
        scopeSpans: [{ scope: { name: SERVICE }, spans: spans.map(otlpSpan) }],
      },
    ],
  };
}

function otlpSpan({ traceId, spanId, parentSpanId, name, startMs, endMs, attributes, error }: Span): object {
  return {
    ...{ traceId, spanId, name, kind: INTERNAL, attributes: attributesOf(attributes) },
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(endMs),
    ...(error === undefined ? {} : { status: { code: FAILED, message: withoutSecrets(error) } }),
  };
}

function nanoseconds(ms: number): string {
  return String(BigInt(Math.round(ms * 1_000)) * 1_000n);
}

function attributesOf(attributes: Readonly<Record<string, string | number>>): object[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? { stringValue: withoutSecrets(value) } : { doubleValue: value },
  }));
}
