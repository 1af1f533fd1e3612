/** The page's routes, behind the guard. */
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { html } from 'hono/html';
import { createHash } from 'node:crypto';
import { clientFiles } from './client-files.ts';
import type { UiContext } from './context.ts';
import { curveRoutes } from './curves/routes.ts';
import { datasetRoutes } from './dataset/routes.ts';
import { eventsRoute } from './live/events-route.ts';
import { modelRoutes } from './models/routes.ts';
import { answerProblem, notThere } from './problems.ts';
import { runRoutes } from './runs/routes.ts';
import { guard, safeHeaders, type Access } from './security/guard.ts';
import { streamRoutes } from './streams/routes.ts';

const MOST_BODY_BYTES = 64 * 1024;

export interface AppOptions {
  readonly context: UiContext;
  readonly access: Access;
  /** Values of the header `Host` that are answered, once it is known where it listens. */
  readonly hosts: () => ReadonlySet<string>;
  readonly port: () => number;
}

export function createApp({ context, access, hosts, port }: AppOptions): Hono {
  const app = new Hono();
  app.use('*', safeHeaders());
  app.use('*', guard(access, hosts, port));
  app.use(
    '*',
    bodyLimit({
      maxSize: MOST_BODY_BYTES,
      onError: (c) => c.json({ error: { message: 'this is too long' } }, 413),
    }),
  );
  app.onError(answerProblem);
  app.notFound((c) => answerProblem(notThere('this page'), c));

  app.get('/', async (c) => c.html(await shell(access.csrf, context.mayStartFiles)));
  app.get('/client/:name', async (c) => {
    const file = (await clientFiles()).get(c.req.param('name'));
    if (file === undefined) throw notThere('this file');
    const type = c.req.param('name').endsWith('.css') ? 'text/css' : 'text/javascript';
    return c.body(file, 200, {
      'content-type': `${type}; charset=utf-8`,
      'cache-control': 'private, max-age=31536000, immutable',
    });
  });
  app.get('/api/stores', (c) => c.json(context.stores.list()));
  app.get('/api/events', eventsRoute(context.hub));
  runRoutes(app, context);
  curveRoutes(app, context);
  datasetRoutes(app, context);
  modelRoutes(app, context);
  streamRoutes(app, context);
  return app;
}

/** The parts come by the script; who has none is told. The files' hash is in their names, so that a browser keeps them. */
async function shell(csrf: string, mayStartFiles: boolean) {
  const files = await clientFiles();
  const hash = (name: string) =>
    createHash('sha256')
      .update(files.get(name) ?? '')
      .digest('hex')
      .slice(0, 12);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="csrf" content="${csrf}" />
        <meta name="may-start-files" content="${mayStartFiles ? 'yes' : 'no'}" />
        <title>Modalmix</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/client/style.css?${hash('style.css')}" />
        <script type="module" src="/client/main.js?${hash('main.js')}"></script>
      </head>
      <body>
        <div id="page"></div>
        <noscript
          >This page is drawn by its script: switch JavaScript on. "modalmix status" says the same in a
          terminal.</noscript
        >
      </body>
    </html>`;
}
