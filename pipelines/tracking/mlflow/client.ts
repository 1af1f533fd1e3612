/** MLflow's REST API 2.0, as far as a training needs it: each answer is checked, each error says whether to ask again. */
import { z } from 'zod';
import { ModalmixError } from '../../../schemas/errors.ts';
import { ENVIRONMENT } from '../../../schemas/names.ts';
import { ask, refuseAnswer } from '../web.ts';

const TIMEOUT_MS = 30_000;
/** Of an answer, of which one is as long as a run has metrics and parameters. */
const WORDS_KEPT = 300;

const runSchema = z.object({
  info: z.object({
    run_id: z.string(),
    artifact_uri: z.string(),
    status: z.string(),
    start_time: z.number(),
    lifecycle_stage: z.string().optional(),
  }),
  data: z.object({
    /** Of each, the last step. */
    metrics: z.array(z.object({ key: z.string(), step: z.coerce.number() })).default([]),
    params: z.array(z.object({ key: z.string(), value: z.string() })).default([]),
  }),
});
export type MlflowRun = z.infer<typeof runSchema>;
const experimentSchema = z.object({
  experiment: z.object({ experiment_id: z.string(), lifecycle_stage: z.string().optional() }),
});
const errorSchema = z.object({ error_code: z.string(), message: z.string().default('') });

export interface Metric {
  readonly key: string;
  readonly value: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly step: number;
}

export interface NewRun {
  readonly experimentId: string;
  readonly name: string;
  readonly startedMs: number;
  readonly tags: Readonly<Record<string, string>>;
}

/** Who asks, from the environment, as MLflow's own client reads it. Never printed. */
export function mlflowHeaders(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
  const token = environment[ENVIRONMENT.mlflowToken] ?? '';
  if (token !== '') return { authorization: `Bearer ${token}` };
  const user = environment[ENVIRONMENT.mlflowUsername] ?? '';
  if (user === '') return {};
  const password = environment[ENVIRONMENT.mlflowPassword] ?? '';
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}

export class MlflowClient {
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #signal: AbortSignal | undefined;

  /** @param uri of the server */
  constructor(
    uri: string,
    signal?: AbortSignal,
    headers: Readonly<Record<string, string>> = mlflowHeaders(),
  ) {
    this.#base = uri.replace(/\/+$/u, '');
    this.#headers = headers;
    this.#signal = signal;
  }

  /** Of the experiment, which is made where there is none. @throws ModalmixError `config` when it was deleted there */
  async experimentId(name: string): Promise<string> {
    const find = async () =>
      await this.#find(`experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`);
    let found = await find();
    if (found === undefined) {
      // Somebody else may have made it meanwhile.
      await this.#post('experiments/create', { name }, ['RESOURCE_ALREADY_EXISTS']);
      found = await find();
    }
    const { experiment } = this.#checked(experimentSchema, found, 'experiments/get-by-name');
    if (experiment.lifecycle_stage !== 'deleted') return experiment.experiment_id;
    throw new ModalmixError('config', `the experiment "${name}" was deleted there`, {
      where: this.#base,
      fix: 'Restore it, or name another in tracking.mlflow.experiment.',
    });
  }

  /** Those that are not deleted. */
  async runsByTag(experimentId: string, tag: string, value: string): Promise<MlflowRun[]> {
    const filter = `tags.\`${tag}\` = '${value}'`;
    const body = { experiment_ids: [experimentId], filter, run_view_type: 'ACTIVE_ONLY', max_results: 100 };
    const answer = await this.#post('runs/search', body);
    return this.#checked(z.object({ runs: z.array(runSchema).default([]) }), answer, 'runs/search').runs;
  }

  async createRun({ experimentId, name, startedMs, tags }: NewRun): Promise<MlflowRun> {
    const answer = await this.#post('runs/create', {
      ...{ experiment_id: experimentId, run_name: name, start_time: startedMs },
      tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
    });
    return this.#checked(z.object({ run: runSchema }), answer, 'runs/create').run;
  }

  async deleteRun(runId: string): Promise<void> {
    await this.#post('runs/delete', { run_id: runId });
  }

  /** At most 1,000 metrics and 100 parameters at once. A parameter that is there is never another. */
  async logBatch(
    runId: string,
    { metrics = [], params = [] }: { metrics?: readonly Metric[]; params?: readonly [string, string][] },
  ): Promise<void> {
    await this.#post('runs/log-batch', {
      run_id: runId,
      metrics,
      params: params.map(([key, value]) => ({ key, value })),
    });
  }

  /** @param endedMs absent: it goes on */
  async updateRun(runId: string, status: string, endedMs?: number): Promise<void> {
    const body = { run_id: runId, status, ...(endedMs === undefined ? {} : { end_time: endedMs }) };
    await this.#post('runs/update', body);
  }

  /** Bytes of a run's artefacts in a folder, by path from the run's own. */
  async artefacts(runId: string, folder: string): Promise<Map<string, number>> {
    const path = `artifacts/list?run_id=${runId}&path=${encodeURIComponent(folder)}`;
    const files = z.array(z.object({ path: z.string(), file_size: z.coerce.number().optional() }));
    const answer = this.#checked(z.object({ files: files.default([]) }), await this.#get(path), path);
    return new Map(answer.files.map((file) => [file.path, file.file_size ?? -1]));
  }

  /**
   * Where an artefact of a run is put, by the server's own proxy.
   *
   * @returns undefined where clients are to write to a storage by themselves
   */
  artefactAddress({ info }: MlflowRun, path: string): string | undefined {
    // `mlflow-artifacts:/1/<run>/artifacts`; with a host it is another server's.
    const root = /^mlflow-artifacts:\/*(?<root>\/.*)$/u.exec(info.artifact_uri)?.groups?.['root'];
    if (root === undefined || info.artifact_uri.startsWith('mlflow-artifacts://')) return undefined;
    const whole = `${root}/${path}`.split('/').filter((part) => part !== '');
    return `${this.#base}/api/2.0/mlflow-artifacts/artifacts/${whole.map(encodeURIComponent).join('/')}`;
  }

  async #get(path: string): Promise<unknown> {
    const response = await this.#ask('GET', path);
    if (response.ok) return await this.#json(response, path);
    return await this.#refused(response, path);
  }

  async #find(path: string): Promise<unknown> {
    const response = await this.#ask('GET', path);
    if (response.ok) return await this.#json(response, path);
    return await this.#refused(response, path, ['RESOURCE_DOES_NOT_EXIST']);
  }

  /** @param expected errors that are none */
  async #post(path: string, body: object, expected: readonly string[] = []): Promise<unknown> {
    const response = await this.#ask('POST', path, JSON.stringify(body));
    if (response.ok) return await this.#json(response, path);
    return await this.#refused(response, path, expected);
  }

  async #ask(method: 'GET' | 'POST', path: string, body?: string): Promise<Response> {
    return await ask({
      ...{ url: `${this.#base}/api/2.0/mlflow/${path}`, method, timeoutMs: TIMEOUT_MS },
      headers: { ...this.#headers, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body }),
      ...(this.#signal === undefined ? {} : { signal: this.#signal }),
    });
  }

  async #json(response: Response, path: string): Promise<unknown> {
    try {
      return await response.json();
    } catch (cause) {
      throw new ModalmixError(
        'transient',
        `it answered ${nameOf(path)} with what is not JSON, or broke off`,
        {
          where: this.#base,
          fix: 'Is it an MLflow server?',
          cause,
        },
      );
    }
  }

  async #refused(response: Response, path: string, expected: readonly string[] = []): Promise<unknown> {
    const text = await response.text().catch(() => '');
    const said = errorSchema.safeParse(parsed(text)).data;
    if (said !== undefined && expected.includes(said.error_code)) return undefined;
    const words = said === undefined ? '' : `${said.error_code}, ${said.message.slice(0, WORDS_KEPT)}`;
    return refuseAnswer(response, this.#base, nameOf(path), words);
  }

  #checked<T>(schema: z.ZodType<T>, answer: unknown, path: string): T {
    const result = schema.safeParse(answer);
    if (result.success) return result.data;
    throw new ModalmixError('config', `its answer to ${nameOf(path)} is not MLflow's`, {
      where: this.#base,
      fix: 'Check tracking.mlflow.uri.',
      cause: result.error,
    });
  }
}

function nameOf(path: string): string {
  return path.split('?')[0] ?? path;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
