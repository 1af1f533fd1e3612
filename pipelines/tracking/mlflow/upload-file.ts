/** Sends a file as the body of a request, a piece at a time. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { ModalmixError } from '../../../schemas/errors.ts';
import { refuseAnswer, shownAddress } from '../web.ts';

/** Without a byte going either way. */
const SILENCE_MS = 60_000;

/**
 * Not by `fetch`, which sends a stream without its length, and MLflow's server then reads nothing.
 *
 * @throws ModalmixError as `refuseAnswer`; `transient` when the connection breaks
 */
export async function uploadFile(
  url: string,
  file: string,
  headers: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<void> {
  const { size } = await stat(file);
  const send = url.startsWith('https:') ? overHttps : overHttp;
  const request = send(url, {
    method: 'PUT',
    headers: { ...headers, 'content-length': size, 'content-type': 'application/octet-stream' },
    ...(signal === undefined ? {} : { signal }),
  });
  request.setTimeout(SILENCE_MS, () => request.destroy(new Error('nothing was heard for a minute')));
  const answered = new Promise<{ status: number; retryAfter: string | undefined }>((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response) => {
      response.on('error', () => undefined);
      response.resume();
      const { statusCode: status = 0, headers: said } = response;
      resolve({ status, retryAfter: said['retry-after'] });
    });
  });
  // A server may refuse before it has read all, and close: what it said counts, not that the rest could not be sent.
  const sent = pipeline(createReadStream(file), request);
  sent.catch(() => undefined);
  try {
    const { status, retryAfter } = await answered;
    if (status >= 200 && status < 300) return;
    const like = new Response(null, {
      status: status >= 200 && status <= 599 ? status : 502,
      headers: retryAfter === undefined ? {} : { 'retry-after': retryAfter },
    });
    refuseAnswer(like, url, 'an artefact');
  } catch (error) {
    if (error instanceof ModalmixError) throw error;
    const where = shownAddress(url);
    if (signal?.aborted === true) throw new ModalmixError('cancelled', 'stopped', { where, cause: error });
    const why = error instanceof Error ? error.message : String(error);
    throw new ModalmixError('transient', `an artefact could not be sent: ${why}`, { where, cause: error });
  }
}
