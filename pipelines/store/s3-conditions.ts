/**
 * Whether a bucket's server keeps its word on conditional writes. Registry, stream manifests and windows of retraining rely on
 * "only where nothing is": a server that ignores `If-None-Match` lets the second of two writers win, and nobody is told.
 */
import type * as S3 from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { ModalmixError } from '../../schemas/errors.ts';
import { isTaken } from './s3-errors.ts';

/** Below a store's prefix; it stays there, so that the next process asks once. */
export const PROBE_NAME = '.conditional-write';

const PROBE_TEXT =
  'Written to see whether this server refuses a second conditional write. It may be deleted.\n';

/**
 * Writes the probe "only where nothing is", twice at most: one of the two must be refused.
 *
 * @param Key of the probe
 * @throws ModalmixError `config` when the server takes both, or does not know such writes; Error of the SDK for any other failure
 */
export async function requireConditionalWrites(
  client: S3Client,
  sdk: typeof S3,
  Bucket: string,
  Key: string,
): Promise<void> {
  for (let time = 0; time < 2; time += 1) {
    try {
      await client.send(new sdk.PutObjectCommand({ Bucket, Key, Body: PROBE_TEXT, IfNoneMatch: '*' }));
    } catch (error) {
      if (isTaken(error) || nameOf(error) === 'ConditionalRequestConflict') return;
      if (nameOf(error) !== 'NotImplemented') throw error;
      break;
    }
  }
  throw new ModalmixError(
    'config',
    'the S3 server ignores If-None-Match: of two writers of one record both would be told that theirs is stored',
    {
      where: `s3://${Bucket}/${Key}`,
      fix: 'Use a server with conditional writes (AWS S3; MinIO, Ceph and others in recent versions), or a file: store.',
    },
  );
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}
