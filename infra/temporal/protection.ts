/** How what passes through a Temporal server is protected: with which keys, and what clients and workers have to do for it. */
import { fileURLToPath } from 'node:url';
import {
  Client,
  type ConnectionLike,
  type ScheduleClientInterceptor,
  type WorkflowClientInterceptor,
} from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { ENVIRONMENT } from '../../schemas/names.ts';
import { purposes, sealed, type Seal } from '../../schemas/seals.ts';
import type { TemporalEndpoint } from './connection-settings.ts';
import { hasBeenStarted } from './embedded-server.ts';
import { homeKey } from './home-key.ts';
import { keysFromEnvironment, type KeySource } from './keys.ts';
import { PayloadGuard } from './payload-guard.ts';
import { tracingClient } from './tracing.ts';

export interface Protection {
  readonly namespace: string;
  /** Absent: whoever can use the server can start work. */
  readonly signing?: KeySource;
  readonly since?: number;
  /** Absent: what passes can be read by whoever can use the server. */
  readonly encryption?: KeySource;
}

const ENCODED_FAILURES = fileURLToPath(new URL('encoded-failures.mjs', import.meta.url));

/**
 * The embedded server's runs are signed with the home's own key, which is made when there is none; those of another server
 * with the environment's, where it has one. Payloads are encrypted where the environment has keys for it.
 *
 * @throws ModalmixError `config` for keys that are none, and a home's key that others can read
 */
export function protectionOf({
  embedded,
  namespace,
}: Pick<TemporalEndpoint, 'embedded' | 'namespace'>): Protection {
  const encryption = keysFromEnvironment(['codecKeys', 'codecKeysFile']);
  const common = { namespace, ...(encryption === undefined ? {} : { encryption }) };
  if (!embedded) {
    const signing = keysFromEnvironment(['signingKeys', 'signingKeysFile']);
    return { ...common, ...(signing === undefined ? {} : { signing }) };
  }
  const { keys, since } = homeKey(hasBeenStarted);
  return { ...common, signing: () => keys, ...(since === undefined ? {} : { since }) };
}

/** What a person should know of a server whose runs are not signed. */
export function unsignedWarning(address: string): string {
  return `runs on ${address} are not signed: whoever can use that server can start one that reads this user's files. Set ${ENVIRONMENT.signingKeysFile} for commands and workers (docs/access.md).`;
}

/** For clients, workers and replays alike. */
export function dataConverterOf(protection: Protection): DataConverter {
  return {
    payloadCodecs: [new PayloadGuard(protection)],
    ...(protection.encryption === undefined ? {} : { failureConverterPath: ENCODED_FAILURES }),
  };
}

/** @returns undefined where nothing has to be sealed */
export function sealFor(purpose: string, { signing, encryption }: Protection): Seal | undefined {
  if (signing === undefined && encryption === undefined) return undefined;
  return { 'modalmix:for': purpose, ...(encryption === undefined ? {} : { secret: true }) };
}

/** Seals what a client starts and signals. */
export function sealingInterceptor(protection: Protection): WorkflowClientInterceptor {
  const seal = (args: readonly unknown[], purpose: string) => {
    const made = sealFor(purpose, protection);
    return made === undefined ? [...args] : sealed(args, made);
  };
  return {
    startWithDetails: async (input, next) => {
      const args = seal(input.options.args, purposes.workflow(input.workflowType));
      return await next({ ...input, options: { ...input.options, args } });
    },
    signal: async (input, next) => {
      await next({ ...input, args: seal(input.args, purposes.signal(input.signalName)) });
    },
  };
}

/** Seals what a client schedules. */
export function schedulingInterceptor(protection: Protection): ScheduleClientInterceptor {
  return {
    create: async (input, next) => {
      const { action } = input.options;
      const seal = sealFor(purposes.workflow(action.workflowType), protection);
      const args = seal === undefined ? action.args : sealed(action.args, seal);
      return await next({ ...input, options: { ...input.options, action: { ...action, args } } });
    },
  };
}

/** A client whose starts, signals and schedules the workers of the same keys obey. */
export function protectedClient(
  connection: ConnectionLike,
  endpoint: Pick<TemporalEndpoint, 'embedded' | 'namespace'>,
): Client {
  const protection = protectionOf(endpoint);
  return new Client({
    connection,
    namespace: endpoint.namespace,
    dataConverter: dataConverterOf(protection),
    interceptors: {
      workflow: [sealingInterceptor(protection), tracingClient],
      schedule: [schedulingInterceptor(protection)],
    },
  });
}
