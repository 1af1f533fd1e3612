/** The config's `notify` section: who is told of ends, failures and decisions. No part of what a run is (`run-id.ts`). */
import { z } from 'zod';
import { httpUrlSchema } from './http-url.ts';

/** Kinds of notices: of what, and what became of it. */
export const NOTICE_TYPES = [
  'run.completed',
  'run.failed',
  'run.cancelled',
  'experiment.completed',
  'experiment.failed',
  'experiment.cancelled',
  'search.completed',
  'search.failed',
  'search.cancelled',
  'retraining.failed',
  'retraining.cancelled',
  'gate.decided',
] as const;
export type NoticeType = (typeof NOTICE_TYPES)[number];

const webhookSchema = z.strictObject({
  /** Where each notice is posted to, `http://…` or `https://…`, without a name and a password. Redirects are not followed. */
  url: httpUrlSchema,
  /** The kinds of notices that are posted there; absent: all. */
  events: z.array(z.enum(NOTICE_TYPES)).min(1).optional(),
});
export type Webhook = z.infer<typeof webhookSchema>;

export const notifyConfigSchema = z.strictObject({
  /** One address, or up to ten. Notices are signed with `MODALMIX_WEBHOOK_SECRET` of the workers' environment. */
  webhook: z.union([webhookSchema, z.array(webhookSchema).min(1).max(10)]),
});
export type NotifyConfig = z.infer<typeof notifyConfigSchema>;

/** In the config's order. */
export function webhooksOf(notify: NotifyConfig | undefined): readonly Webhook[] {
  if (notify === undefined) return [];
  return Array.isArray(notify.webhook) ? notify.webhook : [notify.webhook];
}
