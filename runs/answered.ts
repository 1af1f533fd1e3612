/** Questions to a Temporal server that may be away for a while: asked again until it is back. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import { ModalmixError } from '../schemas/errors.ts';

const ASK_AGAIN_MS = 1_000;
const GIVE_UP_MS = 120_000;
/** Codes of gRPC (grpc.io, "Status codes") by which nothing is said about the question: it may be asked again. */
const AWAY = new Set([1, 2, 4, 10, 13, 14]);

export interface AnsweredOptions {
  /** Starts what of server and workers has ended. */
  readonly revive: () => Promise<void>;
  /** Default: two minutes. */
  readonly giveUpMs?: number;
}

/**
 * @param ask is harmless to ask twice, also where the answer to the first was lost
 * @throws ModalmixError `transient` when the server stays away; what `ask` throws of itself
 */
export async function answered<T>(
  ask: () => Promise<T>,
  { revive, giveUpMs = GIVE_UP_MS }: AnsweredOptions,
): Promise<T> {
  const until = performance.now() + giveUpMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isAway(error)) throw error;
      if (performance.now() > until) throw serverAway(error);
    }
    await revive();
    await sleep(ASK_AGAIN_MS);
  }
}

function isAway(error: unknown): boolean {
  for (let here: unknown = error; here instanceof Error; here = here.cause) {
    if (isGrpcServiceError(here)) return AWAY.has(here.code);
  }
  return error instanceof ServiceError && error.cause === undefined;
}

function serverAway(cause: unknown): ModalmixError {
  return new ModalmixError('transient', 'the Temporal server does not answer', {
    fix: 'See whether it runs and can be reached; what was started goes on once it does, and the same command joins it.',
    cause,
  });
}
