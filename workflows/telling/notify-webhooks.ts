/**
 * One notice to all who want it. A workflow of its own, that nobody waits for: what it tells of has ended, and its result
 * must not wait until somebody listens. It fails where one of them could not be told, and says which and why.
 */
import { ApplicationFailure } from '@temporalio/workflow';
import type { ErrorKind } from '../../schemas/errors.ts';
import type { NoticeReference, NotifyWebhooksOutput } from '../../schemas/workflows.ts';
import { tellingActivities } from '../activity-proxies.ts';
import { orFailure } from '../failures.ts';

export async function notifyWebhooks(input: NoticeReference): Promise<NotifyWebhooksOutput> {
  const activities = tellingActivities(input);
  const { webhooks } = await activities.findWebhooks(input);
  const ends = await Promise.all(
    webhooks.map(async (webhook) => {
      const end = await orFailure(async () => {
        await activities.postNotice({ ...input, webhook });
      });
      return 'reason' in end ? [`webhook ${String(webhook + 1)}: ${end.reason}`] : [];
    }),
  );
  const failed = ends.flat();
  if (failed.length === 0) return { delivered: webhooks.length };
  throw ApplicationFailure.create({
    type: 'transient' satisfies ErrorKind,
    message: `${input.type} could not be told to ${String(failed.length)} of ${String(webhooks.length)}: ${failed.join('; ')}`,
    nonRetryable: true,
  });
}
