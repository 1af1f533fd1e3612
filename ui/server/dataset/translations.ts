/** Clips' files made into what a browser plays: few at once, the last ones kept, and given up when nobody waits any more. */
import pLimit from 'p-limit';
import { ModalmixError } from '../../../schemas/errors.ts';
import { Kept } from '../kept.ts';
import type { Clip } from './clip-table.ts';
import { translate } from './media.ts';

const MOST_KEPT = 4;
const AT_ONCE = 2;

export class Translations {
  readonly #kept = new Kept<Buffer>(MOST_KEPT);
  readonly #limit = pLimit(AT_ONCE);
  /** Who waits for what, by its key: several requests share one translation. */
  readonly #waiting = new Map<string, Waiting>();

  /**
   * @param real a path that may be read
   * @param request ends with who asks
   * @throws ModalmixError `input` as `translate`, and when all who asked have gone
   */
  async get(real: string, clip: Pick<Clip, 'startS' | 'endS'>, request: AbortSignal): Promise<Buffer> {
    const key = `${real}\n${String(clip.startS)}\n${String(clip.endS)}`;
    const waiting = this.#waiting.get(key) ?? { requests: new Set(), all: new AbortController() };
    this.#waiting.set(key, waiting);
    waiting.requests.add(request);
    const leave = () => {
      waiting.requests.delete(request);
      if (waiting.requests.size > 0) return;
      // Who comes now begins anew.
      if (this.#waiting.get(key) === waiting) {
        this.#waiting.delete(key);
        if (request.aborted) this.#kept.forget(key);
      }
      waiting.all.abort();
    };
    request.addEventListener('abort', leave, { once: true });
    try {
      return await this.#kept.get(
        key,
        async () =>
          await this.#limit(async () => {
            if (waiting.all.signal.aborted) throw new ModalmixError('input', 'nobody waits for it any more');
            return await translate(real, clip, waiting.all.signal);
          }),
      );
    } finally {
      request.removeEventListener('abort', leave);
      leave();
    }
  }
}

interface Waiting {
  readonly requests: Set<AbortSignal>;
  readonly all: AbortController;
}
