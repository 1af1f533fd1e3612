/** `GET /api/streams/<run>/letters`: events that could not be used. The rest of a stream is a topic that is watched. */
import type { Hono } from 'hono';
import type { UiContext } from '../context.ts';
import { nameOf } from '../stores.ts';
import { readLetters } from './read-streams.ts';

export function streamRoutes(app: Hono, { runs, stores }: UiContext): void {
  app.get('/api/streams/:run/letters', async (c) =>
    c.json(await readLetters({ runs, stores }, nameOf(c.req.param('run')))),
  );
}
