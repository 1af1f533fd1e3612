/** What the page asks about runs, and what it asks of them. */
import type { Hono } from 'hono';
import { z } from 'zod';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { UiContext } from '../context.ts';
import { notThere } from '../problems.ts';
import { nameOf, storedBytes } from '../stores.ts';
import { REPORT_KINDS, reportPath, runFacts } from './run-facts.ts';
import { startAgain, startNew } from './start-again.ts';

const ACTIONS = ['pause', 'resume', 'cancel', 'start'] as const;
/** A training that is cancelled first writes its checkpoint: the page sees the end by itself. */
const CANCEL_WAIT_MS = 1_500;
const newRunSchema = z.strictObject({
  target: z.string().min(1).max(4_096),
  set: z.array(z.string().max(1_000)).max(50).default([]),
});

/** A report runs its own script alone, in an origin of its own, and may ask for nothing. */
const REPORT_POLICY = [
  'sandbox allow-scripts',
  "default-src 'none'",
  "script-src 'unsafe-inline'",
  "style-src 'unsafe-inline'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
].join('; ');

export function runRoutes(app: Hono, context: UiContext): void {
  const { runs, link, stores, mayStartFiles } = context;
  const find = async (workflowId: string | undefined) => {
    const run = await runs.find(workflowId ?? '');
    if (run === undefined) throw notThere('this run');
    return run;
  };

  app.get('/api/runs/:id', async (c) => c.json(await runFacts(await find(c.req.param('id')), stores, link)));

  app.post('/api/runs/:id/:action', async (c) => {
    const run = await find(c.req.param('id'));
    const action = z.enum(ACTIONS).safeParse(c.req.param('action'));
    if (!action.success) throw notThere('this action');
    const { client } = await link.use();
    if (action.data === 'start') {
      if (run.storeUri === undefined)
        throw new ModalmixError('config', 'it is not known where this run keeps its files', {
          where: run.workflowId,
        });
      await startAgain(client, run, stores.get(stores.add(run.storeUri)));
    } else {
      const { controlRuns } = await import('../../../runs/control-runs.ts');
      const done = controlRuns(client, action.data, run.workflowId);
      const patience = new Promise<void>((resolve) => setTimeout(resolve, CANCEL_WAIT_MS));
      // A failure after that is seen on the page: the run goes on.
      done.catch(() => undefined);
      await (action.data === 'cancel' ? Promise.race([done, patience]) : done);
    }
    runs.expire();
    return c.json({ workflowId: run.workflowId });
  });

  app.post('/api/runs', async (c) => {
    if (!mayStartFiles) {
      throw new ModalmixError('config', 'files of this machine are started from this machine only', {
        fix: 'Start it with "modalmix run", or open the page without --host.',
      });
    }
    const body = newRunSchema.safeParse(await c.req.json<unknown>().catch(() => undefined));
    if (!body.success) throw new ModalmixError('config', 'it does not say what to start');
    const { client } = await link.use();
    const runId = await startNew(client, body.data.target, body.data.set);
    runs.expire();
    return c.json({ workflowId: runId });
  });

  app.get('/api/stores/:store/reports/:kind/:name', async (c) => {
    const kind = z.enum(REPORT_KINDS).safeParse(c.req.param('kind'));
    if (!kind.success) throw notThere('this page');
    const page = await storedBytes(
      stores.get(c.req.param('store')),
      reportPath(kind.data, nameOf(c.req.param('name'))),
    );
    return c.body(new Uint8Array(page), 200, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': REPORT_POLICY,
    });
  });
}
