/** `GET /api/events?topic=…&topic=…`: what is watched, as server-sent events. */
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { Change, Hub } from './hub.ts';

const MOST_TOPICS = 12;
const MOST_CHARACTERS = 2_000;
/** Proxies and browsers give up a line on which nothing comes. */
const KEEP_ALIVE_MS = 15_000;

/** Who takes no more than this many changes is ended, and gets the whole when it comes again: browsers do so by themselves. */
const MOST_UNTAKEN = 64;

export function eventsRoute(hub: Pick<Hub, 'subscribe'>) {
  return (c: Context<{ Bindings: Partial<HttpBindings> }>) => {
    const topics = (c.req.queries('topic') ?? [])
      .filter((name) => name.length <= MOST_CHARACTERS)
      .slice(0, MOST_TOPICS);
    return streamSSE(c, async (stream) => {
      await stream.writeSSE({ event: 'open', data: '{}' });
      let untaken = 0;
      const send = (change: Change) => {
        if (untaken >= MOST_UNTAKEN) {
          // What waits to be sent goes with the connection.
          c.env.outgoing?.destroy();
          return;
        }
        untaken += 1;
        void stream.writeSSE({ event: 'change', data: JSON.stringify(change) }).finally(() => (untaken -= 1));
      };
      const end = hub.subscribe(topics, send);
      const keepAlive = setInterval(() => void stream.write(': still there\n\n'), KEEP_ALIVE_MS);
      // Who has gone before this is not told of any more.
      if (!stream.aborted) await new Promise<void>((resolve) => stream.onAbort(resolve));
      clearInterval(keepAlive);
      end();
    });
  };
}
