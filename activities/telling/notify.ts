/** The activities of notices: which webhooks there are, and one notice to one of them. */
import { ApplicationFailure } from '@temporalio/common';
import { AskAgainLater } from '../../pipelines/tracking/web.ts';
import { composeNotice, readNoticeSource } from '../../pipelines/tracking/webhooks/compose-notice.ts';
import { postNotice as send } from '../../pipelines/tracking/webhooks/post-notice.ts';
import { signingKeys } from '../../pipelines/tracking/webhooks/sign.ts';
import { webhooksOf } from '../../schemas/config/notify-config.ts';
import type { ErrorKind } from '../../schemas/errors.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import {
  progressKeys,
  type CountWebhooksOutput,
  type NoticeReference,
  type PostNoticeInput,
} from '../../schemas/workflows.ts';
import { withoutSecrets } from '../../pipelines/process/secrets.ts';
import { runStage } from '../run-stage.ts';
import type { Services } from '../services.ts';

/** The webhooks of the config as it is now that take such a notice. */
export async function findWebhooks(services: Services, input: NoticeReference): Promise<CountWebhooksOutput> {
  return await runStage(progressKeys.notify, async () => {
    const { notify } = await readNoticeSource(services.openStore(input.storeUri), input);
    const places = webhooksOf(notify).flatMap(({ events }, place) =>
      events === undefined || events.includes(input.type) ? [place] : [],
    );
    return { webhooks: places };
  });
}

/** Sends it once; what it is sent to may have it already, and knows that by its id. */
export async function postNotice(services: Services, input: PostNoticeInput): Promise<void> {
  await runStage(progressKeys.notify, async ({ signal }) => {
    const store = services.openStore(input.storeUri);
    const source = await readNoticeSource(store, input);
    const webhook = webhooksOf(source.notify)[input.webhook];
    // Somebody has taken it out of the config meanwhile.
    if (webhook === undefined) return;
    const keys = signingKeys(process.env[ENVIRONMENT.webhookSecret]);
    const notice = await composeNotice(store, source, input);
    await send({ url: webhook.url, id: input.noticeId, notice, keys, signal }).catch(asAsked);
  });
}

/** The next try comes when the server has asked for it. */
export function asAsked(error: unknown): never {
  if (!(error instanceof AskAgainLater)) throw error;
  throw ApplicationFailure.create({
    type: 'transient' satisfies ErrorKind,
    message: withoutSecrets(error.message),
    details: [{ where: error.where }],
    nextRetryDelay: error.afterMs,
  });
}
