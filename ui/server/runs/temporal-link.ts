/** The page's connection to Temporal: made when somebody looks, made again when it breaks. Where nothing was ever started, none. */
import type { Client } from '@temporalio/client';
import { ModalmixError, describeError } from '../../../schemas/errors.ts';
import { hasBeenStarted } from '../../../infra/temporal/embedded-server.ts';
import { endpointFromEnvironment } from '../../../infra/temporal/connection-settings.ts';
import type { Screen } from '../../../runs/screen.ts';
import type { Session } from '../../../runs/session.ts';

const TRY_AGAIN_MS = 4_000;
const REVIVE_EVERY_MS = 5_000;

export type LinkState = 'nothing' | 'connecting' | 'connected' | 'failed';

export class TemporalLink {
  #session: Session | undefined;
  #connecting: Promise<Session | undefined> | undefined;
  #failure: string | undefined;
  #failedAt = -Infinity;
  #revivedAt = -Infinity;
  #closed = false;

  get state(): LinkState {
    if (this.#session !== undefined) return 'connected';
    if (this.#connecting !== undefined) return 'connecting';
    if (!mayBeThere()) return 'nothing';
    return this.#failure === undefined ? 'connecting' : 'failed';
  }

  /** Why there is none, in words. */
  get failure(): string | undefined {
    return this.#failure;
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** Undefined where nothing was ever started, and while the last attempt has just failed. */
  async look(): Promise<Session | undefined> {
    if (this.#session !== undefined) return this.#session;
    if (!mayBeThere() || performance.now() - this.#failedAt < TRY_AGAIN_MS) return undefined;
    return await this.#connect(false);
  }

  /**
   * As `look`, for who starts something: server and worker are then started where there are none.
   *
   * @throws ModalmixError as `connect` of `runs/session.ts`
   */
  async use(): Promise<Session> {
    const session = this.#session ?? (await this.#connect(true));
    if (session !== undefined) return session;
    throw new ModalmixError('transient', this.#failure ?? 'there is no connection to Temporal');
  }

  /** After a call that failed: the next look connects anew. */
  drop(error: unknown): void {
    this.#failure = describeError(error);
    this.#failedAt = performance.now();
    void this.#session?.close().catch(() => undefined);
    this.#session = undefined;
  }

  /** Starts again what has ended by a kill, as every command that follows a run does. */
  async keepAlive(): Promise<void> {
    const session = this.#session;
    if (session?.isAbandoned() !== true || performance.now() - this.#revivedAt < REVIVE_EVERY_MS) return;
    this.#revivedAt = performance.now();
    await session.revive();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#connecting?.catch(() => undefined);
    await this.#session?.close();
    this.#session = undefined;
  }

  async #connect(toStart: boolean): Promise<Session | undefined> {
    this.#connecting ??= this.#open(toStart).finally(() => {
      this.#connecting = undefined;
    });
    return await this.#connecting;
  }

  async #open(toStart: boolean): Promise<Session | undefined> {
    try {
      const { connect, connectToLook } = await import('../../../runs/session.ts');
      const session = await (toStart ? connect(QUIET) : connectToLook(QUIET));
      if (this.#closed) {
        await session?.close();
        return undefined;
      }
      this.#session = session;
      this.#failure = undefined;
      return session;
    } catch (error) {
      this.#failure = describeError(error);
      this.#failedAt = performance.now();
      return undefined;
    }
  }
}

export type { Client };

function mayBeThere(): boolean {
  return endpointFromEnvironment() !== undefined || hasBeenStarted();
}

/** The page says it itself. */
export const QUIET: Screen = {
  say: () => undefined,
  event: () => undefined,
  progress: () => undefined,
  close: () => undefined,
};
