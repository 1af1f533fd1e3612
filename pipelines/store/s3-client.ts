/** The one S3 client of a process, by the AWS environment. */
import type * as S3 from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';

/** The SDK's own retries back off to 10 s or so in all: a server that restarts is waited for. */
const ATTEMPTS = 10;
const CONNECTION_TIMEOUT_MS = 5_000;
/** Without a byte on the socket. */
const SILENCE_TIMEOUT_MS = 60_000;
const SOCKETS = 64;

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
  return { sdk, client };
}

/** The SDK's own logger may print requests. */
const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
