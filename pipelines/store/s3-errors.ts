/** What an S3 server's refusals mean for a person: the bucket, the key and what to do. Never a secret. */
import { ModalmixError } from '../../schemas/errors.ts';

export interface S3Place {
  readonly bucket: string;
  /** Absent: the request was about the bucket. */
  readonly key?: string;
}

/** Answers that say "not here", whoever asks. */
export function isMissing(error: unknown): boolean {
  return (
    ['NoSuchKey', 'NotFound'].includes(nameOf(error)) || (statusOf(error) === 404 && !isBucketMissing(error))
  );
}

/** Of a conditional write: somebody else's object is there already. */
export function isTaken(error: unknown): boolean {
  return nameOf(error) === 'PreconditionFailed' || statusOf(error) === 412;
}

/**
 * What was read is of two versions of an object, or its second part is gone. Servers that keep objects as plain files
 * may send one version's bytes with another's checksum, which the SDK notices.
 */
export function isMixed(error: unknown): boolean {
  return (
    isTaken(error) ||
    statusOf(error) === 416 ||
    (error instanceof Error && error.message.startsWith('Checksum mismatch'))
  );
}

/** A refusal that does not say why. */
export function isWordless(error: unknown): boolean {
  return statusOf(error) === 403 && ['Unknown', 'UnknownError', 'Forbidden', '403'].includes(nameOf(error));
}

export function attemptsOf(error: unknown): number {
  return metadataOf(error).attempts ?? 1;
}

/** Of requests whose time is not the server's: refused as forbidden, and allowed again when the clock is right. */
const CLOCK_NAMES: ReadonlySet<string> = new Set([
  'RequestTimeTooSkewed',
  'RequestExpired',
  'RequestInTheFuture',
]);

/** Every failure as one of ours; what is ours already stays. */
export function asStoreError(error: unknown, place: S3Place): ModalmixError {
  if (error instanceof ModalmixError) return error;
  const where = `s3://${place.bucket}${place.key === undefined ? '' : `/${place.key}`}`;
  const refused = (message: string, fix: string) =>
    new ModalmixError('config', message, { where, fix, cause: error });
  const name = nameOf(error);
  const status = statusOf(error);
  if (isBucketMissing(error)) {
    return refused(
      `the bucket "${place.bucket}" does not exist`,
      `Create it (aws s3 mb s3://${place.bucket}), or correct "store" and AWS_ENDPOINT_URL.`,
    );
  }
  if (CLOCK_NAMES.has(name)) {
    return new ModalmixError('transient', "this machine's clock and the bucket's differ too much", {
      where,
      fix: 'Set the clock right; the run goes on by itself.',
      cause: error,
    });
  }
  if (name === 'CredentialsProviderError' || /could not load credentials/iu.test(messageOf(error))) {
    return refused(
      'no credentials for S3 were found',
      'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, where the command and the workers run.',
    );
  }
  if (/region is missing/iu.test(messageOf(error))) {
    return refused(
      'no region is set for S3',
      'Set AWS_REGION, or a region in the profile that AWS_PROFILE names.',
    );
  }
  if (name === 'ExpiredToken' || name === 'ExpiredTokenException' || name === 'TokenRefreshRequired') {
    return refused(
      'the credentials for S3 have expired',
      'Renew them; the run goes on when it is started again.',
    );
  }
  if (name === 'InvalidAccessKeyId' || name === 'SignatureDoesNotMatch') {
    return refused(
      `the credentials for the bucket "${place.bucket}" are not accepted (${name})`,
      'Correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.',
    );
  }
  if (name === 'PermanentRedirect' || name === 'AuthorizationHeaderMalformed') {
    return refused(
      `the bucket "${place.bucket}" is in another region`,
      "Set AWS_REGION to the bucket's region.",
    );
  }
  if (status === 401 || status === 403) {
    return refused(
      `access to the bucket "${place.bucket}" is denied`,
      'Allow s3:ListBucket, GetObject, PutObject, DeleteObject and AbortMultipartUpload under the prefix.',
    );
  }
  if (isPassing(error)) {
    return new ModalmixError('transient', `S3 does not answer as it should (${name}: ${messageOf(error)})`, {
      where,
      fix: 'Check that the server runs and AWS_ENDPOINT_URL is right; a run goes on by itself.',
      cause: error,
    });
  }
  return new ModalmixError('internal', `S3 refuses the request (${name}: ${messageOf(error)})`, {
    where,
    cause: error,
  });
}

/** Failures after which the same request may succeed. */
export function isPassing(error: unknown): boolean {
  const status = statusOf(error);
  // Without a status there was no answer: a socket, a name, a time-out, a stream or a checksum broke.
  return (
    status === undefined ||
    status < 400 ||
    status === 408 ||
    status === 409 ||
    status === 429 ||
    status >= 500
  );
}

function isBucketMissing(error: unknown): boolean {
  return nameOf(error) === 'NoSuchBucket';
}

function metadataOf(error: unknown): { readonly httpStatusCode?: number; readonly attempts?: number } {
  if (!(error instanceof Error) || !('$metadata' in error)) return {};
  return error.$metadata ?? {};
}

function statusOf(error: unknown): number | undefined {
  return metadataOf(error).httpStatusCode;
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'Error';
  return 'Code' in error && typeof error.Code === 'string' ? error.Code : error.name;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
