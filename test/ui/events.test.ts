/** Who watches, and takes nothing: what it is not sent does not pile up here. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventsRoute } from '../../ui/server/live/events-route.ts';
import type { Send } from '../../ui/server/live/hub.ts';
import { until } from '../support/observe.ts';

const CHANGES = 150;
/** A hundred of them fill what the system keeps for a connection. */
const WORDS = 'word '.repeat(20_000);

const sends = new Set<Send>();
const hub = {
  subscribe: (_: readonly string[], send: Send) => {
    sends.add(send);
    return () => sends.delete(send);
  },
};
let server: Server;
beforeAll(async () => {
  const app = new Hono().get('/events', eventsRoute(hub));
  const listener = getRequestListener(app.fetch);
  server = createServer((asked, answer) => void listener(asked, answer));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => server.close());

async function watching() {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('GET /events?topic=known HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
  const before = sends.size;
  await until('the subscription', () => sends.size > before);
  return { socket, send: [...sends].at(-1)! };
}

it('who takes nothing is ended', async () => {
  const { socket, send } = await watching();
  socket.pause();
  await until('the end', () => {
    if (!sends.has(send)) return true;
    send({ topic: 'known', set: { words: WORDS }, gone: [] });
    return false;
  });
  socket.destroy();
});

it('who takes all gets all', async () => {
  const { socket, send } = await watching();
  let taken = '';
  socket.setEncoding('utf8').on('data', (part: string) => (taken += part.replaceAll('word ', '')));
  for (let n = 0; n < CHANGES; n += 1) {
    send({ topic: 'known', set: { n, words: WORDS }, gone: [] });
    await until('it is taken', () => taken.includes(`"n":${String(n)},`));
  }
  expect(sends.has(send)).toBe(true);
  socket.destroy();
  await until('it is forgotten', () => !sends.has(send));
});
