/** The server's routes: who asks is let in, clips are stored, predicted and answered, and whatever fails is told without its insides. */
import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import {
  Busy,
  GivenUp,
  type Answered,
  type Patience,
  type Predictor,
} from '../../pipelines/prediction/serving/predictor.ts';
import type { LoadedVersion } from '../../pipelines/prediction/serving/followed-model.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { entriesOf } from '../../schemas/modality.ts';
import type { ClipPrediction } from '../../schemas/prediction.ts';
import type { ClipAnswer, ErrorAnswer, PredictAnswer, ServedModel } from '../../schemas/serving.ts';
import { requireOwnHost, requireToken, type Admission } from './admit.ts';
import { openApiDocument } from './openapi.ts';
import { Refused } from './refused.ts';
import { requestedClips, type ClipSource, type RequestedClip } from './requested-clips.ts';
import type { ServingMetrics } from './serving-metrics.ts';

export interface AppOptions {
  readonly predictor: Predictor;
  readonly source: ClipSource;
  readonly admission: Admission;
  readonly metrics: ServingMetrics;
  /** Of this release. */
  readonly version: string;
  readonly flight: Flight;
  /** Told of failures that are no client's. */
  readonly onFailure: (requestId: string, error: unknown) => void;
}

/** Requests under way. */
export class Flight {
  count = 0;
  stopping = false;
}

const RETRY_AFTER_S = 1;
/** Asked by whoever watches the process, and saying nothing of it. */
const OPEN_PATHS = new Set(['/health', '/ready']);
const DRAIN_MS = 500;
const MOST_DRAINED_BYTES = 2 ** 25;
const REQUEST_ID = 'x-request-id';

export function createApp(options: AppOptions): Hono<{ Variables: { requestId: string } }> {
  const { predictor, source, admission, metrics, flight } = options;
  const app = new Hono<{ Variables: { requestId: string } }>();

  app.use(async (context, next) => {
    const requestId = randomUUID();
    context.set('requestId', requestId);
    context.header(REQUEST_ID, requestId);
    context.header('cache-control', 'no-store');
    context.header('x-content-type-options', 'nosniff');
    requireOwnHost(context.req.header('host'), context.req.header('origin'), admission);
    if (!OPEN_PATHS.has(context.req.path)) requireToken(context.req.header('authorization'), admission);
    await next();
  });

  app.onError(async (error, context) => {
    const requestId = context.get('requestId');
    const refused = refusalOf(error);
    if (refused.status === 500) options.onFailure(requestId, error);
    if (refused.retryAfterS !== undefined) context.header('retry-after', String(refused.retryAfterS));
    if (refused.status === 401) context.header('www-authenticate', 'Bearer');
    // What is left of a body that is not read would be taken for the next request.
    if (context.req.raw.body !== null) {
      context.header('connection', 'close');
      await drain(context.req.raw.body);
    }
    const answer: ErrorAnswer = { requestId, error: { code: refused.code, reason: refused.message } };
    return context.json(answer, refused.status as ContentfulStatusCode);
  });
  app.notFound(() => {
    throw new Refused(404, 'not-found', 'there is no such path; see /openapi.json');
  });

  app.get('/health', (context) => context.json({ status: 'ok' }));
  app.get('/ready', (context) => {
    const loaded = flight.stopping ? undefined : predictor.loaded;
    if (loaded === undefined) return context.json({ ready: false }, 503);
    return context.json({ ready: true, model: servedModel(loaded) });
  });
  app.get('/metrics', async (context) => {
    context.header('content-type', metrics.registry.contentType);
    return context.body(await metrics.registry.metrics());
  });
  app.get('/openapi.json', (context) => context.json(openApiDocument(options.version)));

  app.post('/v1/predict', async (context) => {
    const end = metrics.seconds.startTimer();
    let status = 500;
    try {
      requireRoom(options, Number(context.req.header('content-length') ?? 0));
      flight.count += 1;
      const answer = await within(source.limits.requestMs, async (patience) => {
        const type = context.req.header('content-type') ?? '';
        const clips = await requestedClips(type, piecesOf(context.req.raw, patience.signal), source);
        try {
          return await answerOf(options, context.get('requestId'), clips.clips, patience);
        } finally {
          await clips.release();
        }
      }).finally(() => {
        flight.count -= 1;
      });
      status = 200;
      return context.json(answer);
    } catch (error) {
      ({ status } = refusalOf(error));
      throw error;
    } finally {
      end();
      metrics.requests.inc({ status: String(status) });
    }
  });
  app.all('/v1/predict', () => {
    throw new Refused(405, 'method', 'POST it');
  });
  return app;
}

function requireRoom({ flight, source: { limits }, predictor }: AppOptions, bytes: number): void {
  if (flight.stopping) throw new Refused(503, 'stopping', 'the server stops', RETRY_AFTER_S);
  if (bytes > limits.bodyBytes) {
    throw new Refused(413, 'too-large', `at most ${String(limits.bodyBytes)} bytes in a request`);
  }
  if (flight.count >= limits.requestsInFlight || predictor.isFull) {
    throw new Refused(429, 'busy', 'too much is under way; ask again', RETRY_AFTER_S);
  }
}

type Body = ReadableStream<Uint8Array> | null;

/** Ends the wait, not always the work: a batch that is being judged is judged to its end. */
async function within<T>(ms: number, work: (patience: Patience) => Promise<T>): Promise<T> {
  const deadlineMs = performance.now() + ms;
  const limit = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      limit.abort();
      reject(new Refused(504, 'timeout', `it took longer than ${String(ms / 1000)} s`));
    }, ms);
  });
  const working = work({ signal: limit.signal, deadlineMs });
  working.catch(() => undefined);
  try {
    return await Promise.race([working, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function* piecesOf({ body }: { readonly body: Body }, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  const reader = body.getReader();
  const cancel = () => void reader.cancel().catch(() => undefined);
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for (;;) {
      let piece;
      try {
        piece = await reader.read();
      } catch {
        throw new Refused(400, 'aborted', 'the body did not come to its end');
      }
      if (piece.done) return;
      yield piece.value;
    }
  } finally {
    signal.removeEventListener('abort', cancel);
    reader.releaseLock();
  }
}

/** Who still sends would see a broken connection instead of the answer: a little of it is read and thrown away. */
async function drain(body: NonNullable<Body>): Promise<void> {
  if (body.locked) return;
  const reader = body.getReader();
  const timer = setTimeout(() => void reader.cancel().catch(() => undefined), DRAIN_MS);
  try {
    for (let bytes = 0; bytes < MOST_DRAINED_BYTES;) {
      const { done, value } = await reader.read();
      if (done) return;
      bytes += value.length;
    }
  } catch {
    // It is gone, and so is who would read the answer.
  } finally {
    clearTimeout(timer);
  }
}

async function answerOf(
  { predictor, metrics }: AppOptions,
  requestId: string,
  clips: readonly RequestedClip[],
  patience: Patience,
): Promise<PredictAnswer> {
  const files = clips.flatMap((clip) => ('path' in clip ? [clip.path] : []));
  const { by, predictions }: Answered = await predictor.predict(files, patience);
  const { classNames } = by.manifest;
  let next = 0;
  const answers = clips.map((clip): ClipAnswer => {
    if ('problem' in clip) return { clip: clip.name, error: clip.problem };
    return clipAnswer(clip, predictions[next++]!, classNames);
  });
  for (const one of answers) metrics.clips.inc({ outcome: 'error' in one ? one.error.code : 'answered' });
  return {
    requestId,
    model: servedModel(by),
    classNames: [...classNames],
    modalities: [...by.chosen.spec.modalities],
    clips: answers,
  };
}

function clipAnswer(
  { name, path }: { readonly name: string; readonly path: string },
  prediction: ClipPrediction,
  classNames: readonly string[],
): ClipAnswer {
  const told = (reason: string) => reason.replaceAll(path, name);
  if ('problem' in prediction) {
    const { code, reason } = prediction.problem;
    return { clip: name, error: { code, reason: told(reason) } };
  }
  const { fused, branches, missing } = prediction;
  const best = fused.probabilities.indexOf(Math.max(...fused.probabilities));
  const reasons = entriesOf(missing).map(
    ([modality, { code, reason }]) => [modality, { code, reason: told(reason) }] as const,
  );
  return {
    clip: name,
    predicted: classNames[best] ?? '',
    fused,
    branches,
    missing: Object.fromEntries(reasons),
  };
}

function servedModel({ chosen, epoch }: LoadedVersion): ServedModel {
  const { spec, version } = chosen;
  return {
    name: version?.model ?? spec.trainingId,
    ...(version === undefined ? {} : { version: version.version }),
    trainingId: spec.trainingId,
    epoch,
  };
}

/** What a client is told of an error; of those that are none of its own nothing but that there was one. */
function refusalOf(error: unknown): Refused {
  if (error instanceof Refused) return error;
  if (error instanceof Busy) return new Refused(429, 'busy', 'too many clips wait; ask again', RETRY_AFTER_S);
  if (error instanceof GivenUp) return new Refused(504, 'timeout', 'it took longer than the limit');
  if (error instanceof ModalmixError && error.kind === 'transient') {
    return new Refused(503, 'unavailable', 'no model can answer now; ask again', RETRY_AFTER_S);
  }
  return new Refused(500, 'internal', 'the server has failed; its log says more under the request id');
}
