/** A real run, as Prometheus, Grafana and an OpenTelemetry collector see it. */
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TRAINING_GAUGES } from '../../../activities/training-gauges.ts';
import { freePorts } from '../../../infra/ports.ts';
import { StreamMetrics } from '../../../pipelines/streaming/metrics.ts';
import { ENVIRONMENT } from '../../../schemas/names.ts';
import type { EpochMetrics } from '../../../schemas/training.ts';
import { runFiles, until } from '../../support/observe.ts';
import { createProject, tinyConfig, type Project } from '../../support/project.ts';
import { startReceiver, type Receiver } from '../../support/receiver.ts';
import { startTestServer, type TestServer } from '../../support/temporal.ts';
import { makeTinyClips } from '../../support/tiny-clips.ts';

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
}
interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { readonly key: string; readonly value: object }[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

/** Of a program above the command, as CI gives it. */
const ABOVE = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };

let temporal: TestServer;
let collector: Receiver;
let project: Project;
let clips: string;
let exposed: string;
let epochs: EpochMetrics[];
let runId: string;

beforeAll(async () => {
  [temporal, clips] = await Promise.all([startTestServer(), makeTinyClips({ clipsPerClass: 6 })]);
  collector = await startReceiver(() => ({ status: 200 }));
  Object.assign(process.env, {
    [ENVIRONMENT.temporalAddress]: temporal.address,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-team=a%20b',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test',
    TRACEPARENT: `00-${ABOVE.traceId}-${ABOVE.spanId}-01`,
  });
  project = await createProject();
  const [port] = await freePorts(1);
  const ready = join(project.folder, 'ready');
  const metrics = `127.0.0.1:${String(port)}`;
  const worker = project.start('worker', '--ready-file', ready, '--metrics', metrics);
  await until('the worker', () => existsSync(ready), worker);
  const config = await project.config('seen', {
    ...tinyConfig(clips, 'seen', { epochs: 2 }),
    // Without a secret: an activity that fails, for what counts failures.
    notify: { webhook: { url: collector.url } },
  });
  const { exitCode, stdout, stderr } = await project.modalmix('run', config, '--json');
  if (exitCode !== 0) throw new Error(stdout + stderr);
  runId = /"runId":"(?<id>[^"]+)"/u.exec(stdout)!.groups!['id']!;
  await until('the failure to be counted', async () => {
    exposed = await (await fetch(`http://${metrics}/metrics`)).text();
    return exposed.includes('temporal_activity_execution_failed');
  });
  const store = project.store('seen');
  const [file] = await runFiles(store, /\/metrics\.jsonl$/u);
  const lines = (await store.get(file!)).toString().trim().split('\n');
  epochs = lines.map((line) => JSON.parse(line) as EpochMetrics);
  worker.kill('SIGTERM');
  await worker;
}, 300_000);

afterAll(async () => {
  await project.end();
  await collector.close();
  await temporal.stop();
  await rm(clips, { recursive: true, force: true });
});

/** By labels, without those that Temporal adds. */
function valuesOf(name: string): Map<string, number> {
  const own = /^(?:run|method|split|branch|modality)$/u;
  const found = exposed.split('\n').flatMap((line): [string, number][] => {
    const parts = /^(?<metric>[a-z_]+)\{(?<labels>[^}]*)\} (?<value>\S+)/u.exec(line)?.groups;
    if (parts?.['metric'] !== name) return [];
    const labels = [...parts['labels']!.matchAll(/(\w+)="([^"]*)"/gu)]
      .filter(([, key = '']) => own.test(key))
      .map(([, key = '', value = '']) => `${key}=${value}`);
    return [[labels.sort().join(' '), Number(parts['value'])]];
  });
  return new Map(found);
}

describe('a training on its worker’s Prometheus endpoint', () => {
  it('shows what stands in its metrics, by run and method', () => {
    const last = epochs.at(-1)!;
    const of = `method=b-mm run=${runId}`;
    const only = (name: string) => valuesOf(name).get(of);
    expect(only('modalmix_training_steps_done')).toBe(last.step);
    expect(only('modalmix_training_steps')).toBe(last.step);
    expect(only('modalmix_training_epoch')).toBe(2);
    expect(only('modalmix_training_loss')).toBeGreaterThan(0);
    expect(only('modalmix_training_steps_per_second')).toBe(0);
    expect(only('modalmix_training_clips_per_second')).toBeCloseTo(last.clipsPerS, 3);
    expect(only('modalmix_training_data_wait_ratio')).toBeCloseTo(last.dataWaitShare!, 5);
    const accuracy = valuesOf('modalmix_training_accuracy');
    expect(accuracy.get(`branch=fused ${of} split=train`)).toBeCloseTo(last.train.fused, 5);
    expect(accuracy.get(`branch=audio ${of} split=test`)).toBeCloseTo(last.test!.branches.audio!, 5);
    expect(valuesOf('modalmix_training_rho').get(of.replace(' ', ' modality=rgb '))).toBeCloseTo(
      last.rho.rgb!,
      4,
    );
    expect(valuesOf('modalmix_training_lambda').size).toBe(2);
  });
});

describe("Grafana's dashboard", () => {
  it('asks for metrics that there are', async () => {
    const file = new URL('../../../deploy/grafana/modalmix.json', import.meta.url);
    const text = await readFile(file, 'utf8');
    const dashboard = JSON.parse(text) as { panels: { title: string; targets?: { expr: string }[] }[] };
    const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(expressions.length).toBeGreaterThan(12);
    const shown = new Set(
      [...exposed.matchAll(/^(?<name>[a-zA-Z_]+)(?:\{| )/gmu)].map(({ groups }) => groups!['name']!),
    );
    const streams = new StreamMetrics('ingest');
    const streamed = [...(await streams.registry.metrics()).matchAll(/^# TYPE (?<name>\S+) (?<type>\S+)/gmu)];
    for (const { groups } of streamed) {
      const { name = '', type = '' } = groups ?? {};
      for (const end of type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']) shown.add(name + end);
    }
    for (const name of Object.keys(TRAINING_GAUGES)) expect(shown).toContain(name);
    const asked = new Set(
      expressions.flatMap((expr) => expr.match(/\b(?:modalmix|temporal|process)_\w+/gu) ?? []),
    );
    expect([...asked].filter((name) => !shown.has(name))).toEqual([]);
    // Every gauge of a training is shown.
    expect(Object.keys(TRAINING_GAUGES).filter((name) => !asked.has(name))).toEqual([]);
  });
});

describe('a run at an OpenTelemetry collector', () => {
  const spans = () =>
    collector.received.flatMap(({ body }) =>
      (JSON.parse(body) as OtlpRequest).resourceSpans.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap((scope) => scope.spans),
      ),
    );

  it('is one trace: command, workflows, activities and processes, each below what started it', () => {
    const all = spans().filter(({ traceId }) => traceId === ABOVE.traceId);
    const byId = new Map(all.map((span) => [span.spanId, span]));
    expect(byId.size).toBe(all.length);
    const path = (span: OtlpSpan): string => {
      const parent = byId.get(span.parentSpanId ?? '');
      return parent === undefined ? span.name : `${path(parent)} > ${span.name}`;
    };
    const paths = all.map(path);
    const job = 'modalmix run > RunWorkflow:rebuildAndTrain';
    expect(paths).toContain(job);
    expect(paths).toContain(`${job} > RunWorkflow:rebuildDataset > RunActivity:planDataset`);
    expect(paths).toContain(`${job} > RunWorkflow:rebuildDataset > RunActivity:extractShard`);
    expect(paths).toContain(`${job} > RunWorkflow:trainModel > RunActivity:train > RunProcess:trainer-child`);
    expect(paths).toContain(
      `${job} > RunWorkflow:evaluateModel > RunActivity:evaluate > RunProcess:evaluator-child`,
    );
    expect(paths).toContain(`${job} > RunActivity:writeReport`);
    // All hang on the command, and that on who called it.
    expect(paths.filter((one) => !one.startsWith('modalmix run'))).toEqual([]);
    const [root] = all.filter(({ name }) => name === 'modalmix run');
    expect(root!.parentSpanId).toBe(ABOVE.spanId);
    for (const span of all) {
      const parent = byId.get(span.parentSpanId ?? '');
      expect(BigInt(span.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(span.startTimeUnixNano));
      // Clocks of one machine; a workflow's times are the server's, by the millisecond.
      const slackNs = 50_000_000n;
      if (parent !== undefined)
        expect(BigInt(span.startTimeUnixNano) + slackNs).toBeGreaterThanOrEqual(
          BigInt(parent.startTimeUnixNano),
        );
    }
  });

  it('says whose it is, to a collector that is asked as the environment says', () => {
    const { path, headers, body } = collector.received[0]!;
    expect(path).toBe('/v1/traces');
    expect(headers['content-type']).toBe('application/json');
    expect(headers['x-team']).toBe('a b');
    const [{ resource } = { resource: { attributes: [] } }] = (JSON.parse(body) as OtlpRequest).resourceSpans;
    expect(resource.attributes).toContainEqual({ key: 'service.name', value: { stringValue: 'modalmix' } });
    expect(resource.attributes).toContainEqual({
      ...{ key: 'deployment.environment', value: { stringValue: 'test' } },
    });
    const train = spans().find(({ name }) => name === 'RunActivity:train')!;
    expect(train.attributes.map(({ key }) => key)).toContain('queueWaitMs');
  });
});
