/** Starts the page's server. It owns nothing: ended at any time, nothing is lost. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { bracketed, isLoopback } from '../../infra/http/listening.ts';
import { LOOPBACK } from '../../infra/ports.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { createApp } from './app.ts';
import { clientFiles } from './client-files.ts';
import { createContext } from './context.ts';
import { allowedHosts } from './security/hosts.ts';
import { createAccess } from './security/guard.ts';

export interface UiOptions {
  /** The store that is shown beside those of known runs. */
  readonly storeUri: string;
  /** What is listened on; default: loopback alone. */
  readonly host?: string;
  /** Default: any free one. */
  readonly port?: number;
}

export interface RunningUi {
  /** With the token; it opens the page once, and the browser keeps the right to it. */
  readonly url: string;
  readonly port: number;
  /** Whether other machines may reach it. */
  readonly isOpen: boolean;
  /** Whether somebody watches, so that something is polled. */
  readonly isWatched: () => boolean;
  close(): Promise<void>;
}

/**
 * Returns when it listens; Temporal is looked for when somebody looks.
 *
 * @throws ModalmixError `config` when it cannot listen there
 */
export async function startUi(options: UiOptions): Promise<RunningUi> {
  const { storeUri, host = LOOPBACK, port: wanted = 0 } = options;
  const isOpen = !isLoopback(host);
  const context = createContext({ storeUri, mayStartFiles: !isOpen });
  const access = createAccess();
  let port = wanted;
  let hosts: ReadonlySet<string> = new Set();
  const app = createApp({ context, access, hosts: () => hosts, port: () => port });
  const answer = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing));
  await listen(server, host, wanted);
  ({ port } = server.address() as AddressInfo);
  hosts = allowedHosts(host, port);
  // Made while the browser starts.
  void clientFiles().catch(() => undefined);
  const shown = ['0.0.0.0', '::'].includes(host) ? LOOPBACK : bracketed(host);
  return {
    url: `http://${shown}:${String(port)}/?token=${access.token}`,
    port,
    isOpen,
    isWatched: () => context.hub.isAwake,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await context.link.close();
    },
  };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  const failed = once(server, 'error').then(([error]: unknown[]) => error as NodeJS.ErrnoException);
  server.listen(port, host);
  const error = await Promise.race([once(server, 'listening').then(() => undefined), failed]);
  if (error === undefined) return;
  throw new ModalmixError('config', `the page cannot be served there (${error.code ?? error.message})`, {
    where: `${host}:${String(port)}`,
    fix:
      error.code === 'EADDRINUSE'
        ? 'Another program has this port; name another by --port, or none.'
        : 'Name an address of this machine by --host.',
    cause: error,
  });
}
