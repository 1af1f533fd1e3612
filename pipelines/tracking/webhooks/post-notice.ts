/** Sends a notice to one address, once. */
import type { Notice } from '../../../schemas/notice.ts';
import { ask, refuseAnswer } from '../web.ts';
import { signedHeaders } from './sign.ts';

/** A receiver takes a notice and works on it afterwards. */
const TIMEOUT_MS = 15_000;

export interface PostNoticeInput {
  readonly url: string;
  /** The same each time that this notice is sent, so that a receiver who has it knows. */
  readonly id: string;
  readonly notice: Notice;
  readonly keys: readonly Buffer[];
  readonly signal?: AbortSignal;
}

/**
 * @throws ModalmixError `transient` when it may be taken later (no answer, 408, 425, 429, 5xx); `config` for every other
 *   answer that is not 2xx
 */
export async function postNotice(input: PostNoticeInput): Promise<void> {
  const { url, id, notice, keys, signal } = input;
  const body = JSON.stringify(notice);
  const response = await ask({
    ...{ url, method: 'POST', body, timeoutMs: TIMEOUT_MS },
    headers: {
      'content-type': 'application/json',
      'user-agent': 'modalmix-webhook/1',
      ...signedHeaders(keys, id, Date.now(), body),
    },
    ...(signal === undefined ? {} : { signal }),
  });
  // What else it says is of no interest, and may be endless.
  await response.body?.cancel();
  if (!response.ok) refuseAnswer(response, url, 'the notice');
}
