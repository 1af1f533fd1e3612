/** The stores there are, by the scheme of their URI. */
import { ModalmixError } from '../../schemas/errors.ts';
import { FileStore } from './file-store.ts';
import { S3Store } from './s3-store.ts';
import type { Store } from './store.ts';

/**
 * @param uri `file:<folder>`, `file:///<absolute folder>` or `s3://<bucket>/<prefix>`
 * @throws ModalmixError `config` for any other scheme; whether a bucket can be used is seen at its first use
 */
export function openStore(uri: string): Store {
  const scheme = /^([a-z][a-z0-9+]*):/u.exec(uri)?.[1];
  if (scheme === 'file') return new FileStore(uri);
  if (scheme === 's3') return new S3Store(uri);
  throw new ModalmixError('config', `no store can be opened at "${uri}"`, {
    where: 'store',
    fix: 'Use file:<folder>, for example file:.modalmix/store, or s3://<bucket>/<prefix>.',
  });
}
