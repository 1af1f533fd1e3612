/** A web proxy before a server that passes requests on whole, and loses some of the answers: the work is done, nobody hears of it. */
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface LossyProxy {
  readonly url: string;
  /** Paths that were asked for, in order. */
  readonly asked: string[];
  /** The answer to the n-th request from now whose path ends so is lost (1: the next). */
  lose(end: string, n: number): void;
  close(): Promise<void>;
}

export async function startLossyProxy(target: string): Promise<LossyProxy> {
  const asked: string[] = [];
  let losing: { end: string; n: number } | undefined;
  const server = createServer((incoming, outgoing) => {
    const path = incoming.url ?? '';
    asked.push(path);
    const isMeant = losing !== undefined && path.split('?')[0]!.endsWith(losing.end);
    if (isMeant && losing !== undefined) losing.n -= 1;
    const isLost = isMeant && losing?.n === 0;
    if (isLost) losing = undefined;
    const { method, headers } = incoming;
    const onward = request(`${target}${path}`, {
      method,
      headers: { ...headers, host: new URL(target).host },
    });
    onward.on('response', (answer) => {
      if (isLost) {
        answer.resume();
        answer.on('end', () => outgoing.destroy());
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    asked,
    lose: (end, n) => {
      losing = { end, n };
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
