/** A request that is answered with an error of HTTP. */

export type ErrorStatus = 400 | 401 | 403 | 404 | 405 | 408 | 413 | 415 | 421 | 429 | 500 | 503 | 504;

export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: ErrorStatus;
  readonly code: string;
  /** When to try again, seconds. */
  readonly retryAfterS: number | undefined;

  /** @param reason told to the client */
  constructor(status: ErrorStatus, code: string, reason: string, retryAfterS?: number) {
    super(reason);
    this.status = status;
    this.code = code;
    this.retryAfterS = retryAfterS;
  }
}
