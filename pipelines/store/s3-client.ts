/** The one S3 client of a process, by the AWS environment. */
import type * as S3 from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';

/** The SDK's own retries back off to 10 s or so in all: a server that restarts is waited for. */
const ATTEMPTS = 10;
const CONNECTION_TIMEOUT_MS = 5_000;
/** Without a byte on the socket. */
const SILENCE_TIMEOUT_MS = 60_000;
const SOCKETS = 64;
/** Far above what an answer's way takes, below the quarter of an hour that S3 bears. */
const CLOCK_JUMP_MS = 60_000;

export type Sdk = typeof S3;
export interface Session {
  readonly sdk: Sdk;
  readonly client: S3Client;
}

/** One a process: sockets are shared, and loading the SDK takes a quarter of a second. */
let opened: Promise<Session> | undefined;

/** Opened when it is first asked for. */
export async function s3Session(): Promise<Session> {
  return await (opened ??= openSession());
}

async function openSession(): Promise<Session> {
  // Which Node the SDK's next year will ask for is no news for who runs a command.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  const sdk = await import('@aws-sdk/client-s3');
  const given = (name: string) => {
    const value = process.env[name];
    return value === undefined || value === '' ? undefined : value;
  };
  const endpoint = given('AWS_ENDPOINT_URL_S3') ?? given('AWS_ENDPOINT_URL');
  // A server of one's own has no regions, and AWS_DEFAULT_REGION is what other tools read.
  const region =
    given('AWS_REGION') ?? given('AWS_DEFAULT_REGION') ?? (endpoint === undefined ? undefined : 'us-east-1');
  const client = new sdk.S3Client({
    ...(region === undefined ? {} : { region }),
    // Few servers but AWS's own have a host name a bucket.
    forcePathStyle: endpoint !== undefined,
    followRegionRedirects: endpoint === undefined,
    maxAttempts: ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      socketTimeout: SILENCE_TIMEOUT_MS,
      httpAgent: { maxSockets: SOCKETS, keepAlive: true },
      httpsAgent: { maxSockets: SOCKETS, keepAlive: true },
      // Callers queue for sockets on purpose.
      socketAcquisitionWarningTimeout: SILENCE_TIMEOUT_MS,
    },
    logger: silent,
  });
  askAgainAfterClockJumps(client);
  return { sdk, client };
}

/**
 * Requests are signed with the time, and the SDK corrects a wrong clock by the server's answers. It asks again by itself where
 * the clock turns out to be wrong; where it turns out to be right again, or is set right before the answer comes, "denied" would
 * be the last word.
 */
function askAgainAfterClockJumps(client: S3Client): void {
  const { config, middlewareStack } = client;
  const marking =
    <Request, Answer>(next: (request: Request) => Promise<Answer>) =>
    async (request: Request): Promise<Answer> => {
      const offsetMs = config.systemClockOffset;
      const signedMs = Date.now() + offsetMs;
      try {
        return await next(request);
      } catch (error) {
        const corrected = Math.abs(config.systemClockOffset - offsetMs) >= CLOCK_JUMP_MS;
        if (corrected || isRefusedFor(signedMs, error)) markCorrected(error);
        throw error;
      }
    };
  middlewareStack.addRelativeTo(marking, {
    name: 'clockJumps',
    relation: 'before',
    toMiddleware: 'httpSigningMiddleware',
  });
}

/** Whether the server refused a request when its own clock was far from the time that the request was signed with. */
function isRefusedFor(signedMs: number, error: unknown): boolean {
  const answer = error instanceof Error && '$response' in error ? error.$response : undefined;
  const found = answerSchema.safeParse(answer);
  return found.success && Math.abs(Date.parse(found.data.headers.date) - signedMs) >= CLOCK_JUMP_MS;
}

const answerSchema = z.object({ statusCode: z.literal(403), headers: z.object({ date: z.string() }) });

function markCorrected(error: unknown): void {
  if (!(error instanceof Error && '$metadata' in error)) return;
  const { $metadata } = error;
  if (typeof $metadata === 'object' && $metadata !== null) {
    Object.assign($metadata, { clockSkewCorrected: true });
  }
}

/** The SDK's own logger may print requests. */
const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
