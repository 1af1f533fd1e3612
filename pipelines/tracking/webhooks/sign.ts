/** Signatures of notices, as Standard Webhooks 1.0.0 has them: any of its libraries verifies them. */
import { createHmac } from 'node:crypto';
import { ModalmixError } from '../../../schemas/errors.ts';
import { ENVIRONMENT } from '../../../schemas/names.ts';

/** Of a key; Standard Webhooks' own lower bound. */
const LEAST_BYTES = 24;
const ENCODED = /^whsec_(?<base64>[A-Za-z0-9+/]+={0,2})$/u;

/**
 * @param given one secret or several, the newest first, between them spaces or commas: `whsec_<base64>`, or any text
 * @returns their keys; receivers take a notice that one of theirs has signed
 * @throws ModalmixError `config` when there is none, or one is too short to be a secret
 */
export function signingKeys(given: string | undefined): Buffer[] {
  const keys = (given ?? '')
    .split(/[\s,]+/u)
    .filter((secret) => secret !== '')
    .map((secret) => {
      const encoded = ENCODED.exec(secret)?.groups?.['base64'];
      return encoded === undefined ? Buffer.from(secret) : Buffer.from(encoded, 'base64');
    });
  const fix = `Set it where workers start, and start them anew: echo "whsec_$(openssl rand -base64 32)" makes one.`;
  if (keys.length === 0) {
    throw new ModalmixError('config', 'there is no secret to sign notices with', {
      where: ENVIRONMENT.webhookSecret,
      fix,
    });
  }
  if (keys.some((key) => key.length < LEAST_BYTES)) {
    throw new ModalmixError('config', `a secret is shorter than ${String(LEAST_BYTES)} bytes`, {
      where: ENVIRONMENT.webhookSecret,
      fix,
    });
  }
  return keys;
}

/**
 * @param id of the notice: the same each time it is sent
 * @param atMs when it is sent, milliseconds since 1970
 */
export function signedHeaders(
  keys: readonly Buffer[],
  id: string,
  atMs: number,
  body: string,
): Record<string, string> {
  const timestamp = String(Math.floor(atMs / 1_000));
  const content = `${id}.${timestamp}.${body}`;
  const signatures = keys.map((key) => `v1,${createHmac('sha256', key).update(content).digest('base64')}`);
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}
