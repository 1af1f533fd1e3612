/** A TCP proxy that breaks or holds connections, or answers 503 in the server's place, when a test asks for it. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface FaultyProxy {
  readonly endpoint: string;
  /** The next so many connections are answered with 503. */
  refuse(connections: number): void;
  /** The next so many connections are reset after `bytes` from the server. */
  resetAfter(bytes: number, connections: number): void;
  /** Breaks all connections that there are. */
  cut(): void;
  /** Requests with this text at their beginning are passed on only when `let` is called; undefined: none. */
  hold(text: string | undefined): void;
  /** Passes on what is held. */
  let(): void;
  /** How many requests are held. */
  readonly held: () => number;
  /** How many faults were met. */
  readonly faults: () => number;
  stop(): Promise<void>;
}

/** Of a request: its line stands there. */
const HEAD_BYTES = 1_024;
const SLOW_DOWN = '<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>busy</Message></Error>';

export async function startFaultyProxy(port: number): Promise<FaultyProxy> {
  const sockets = new Set<Socket>();
  let refusals = 0;
  let resets = { bytes: 0, connections: 0 };
  let met = 0;
  let heldText: string | undefined;
  let waiting: (() => void)[] = [];
  const server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => undefined).on('close', () => sockets.delete(client));
    if (refusals > 0) {
      refusals -= 1;
      met += 1;
      client.once('data', () => {
        client.end(
          `HTTP/1.1 503 Slow Down\r\nConnection: close\r\nContent-Type: application/xml\r\n` +
            `Content-Length: ${String(SLOW_DOWN.length)}\r\n\r\n${SLOW_DOWN}`,
        );
      });
      return;
    }
    const broken = resets.connections > 0 ? resets.bytes : undefined;
    if (broken !== undefined) resets.connections -= 1;
    const upstream = connect(port, '127.0.0.1');
    sockets.add(upstream);
    let passed = 0;
    client.on('data', (chunk: Buffer) => {
      const send = () => {
        if (!upstream.write(chunk)) {
          client.pause();
          upstream.once('drain', () => client.resume());
        }
      };
      if (heldText === undefined || !chunk.subarray(0, HEAD_BYTES).includes(heldText)) {
        send();
        return;
      }
      client.pause();
      waiting.push(() => {
        send();
        client.resume();
      });
    });
    client.on('end', () => upstream.end());
    upstream.on('data', (chunk: Buffer) => {
      passed += chunk.length;
      client.write(chunk);
      if (broken === undefined || passed < broken) return;
      met += 1;
      client.resetAndDestroy();
      upstream.destroy();
    });
    upstream.on('end', () => client.end());
    upstream.on('error', () => client.destroy()).on('close', () => sockets.delete(upstream));
    client.on('close', () => upstream.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    refuse: (connections) => {
      refusals = connections;
    },
    resetAfter: (bytes, connections) => {
      resets = { bytes, connections };
    },
    cut: () => {
      // Each has one to the client and one to the server.
      met += Math.ceil(sockets.size / 2);
      for (const socket of sockets) socket.destroy();
    },
    hold: (text) => {
      heldText = text;
    },
    let: () => {
      const held = waiting;
      waiting = [];
      for (const pass of held) pass();
    },
    held: () => waiting.length,
    faults: () => met,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
