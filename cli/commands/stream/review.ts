/** `modalmix stream review`: what people are asked about, and what they say. */
import { loadConfig } from '../../../pipelines/config/load-config.ts';
import { streamOf } from '../../../schemas/config/stream-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { topicNames } from '../../../schemas/names.ts';
import { oneLine } from '../../../schemas/printable.ts';
import type { Screen } from '../../../runs/screen.ts';
import { counted } from '../../text/counted.ts';
import { connectKafka, nothingStreamed, type ConfigFlags } from './connect.ts';

export async function listReviews(flags: ConfigFlags, screen: Screen): Promise<void> {
  const config = await loadConfig(flags.config, flags.set);
  if (nothingStreamed()) {
    screen.say('Nothing has been streamed here yet, so nobody is asked.');
    return;
  }
  const { connection } = await connectKafka(screen);
  const reviews = await import('../../../pipelines/prediction/stream/reviews.ts');
  const topics = topicNames(streamOf(config).topicPrefix);
  const open = await reviews.listReviews(connection, topics, config.name);
  for (const review of open) {
    const { clipId, predicted, probability, reasons, model, answeredAt } = review;
    const why = reasons.map(({ reason, score }) => `${reason} ${score.toFixed(3)}`).join(', ');
    const percent = (100 * probability).toFixed(1);
    screen.say(
      `${oneLine(clipId)}  ${oneLine(predicted)} (${percent} %)  ${why}  version ${String(model.version)}, ${oneLine(answeredAt)}`,
    );
    screen.event('review', review);
  }
  screen.say(open.length === 0 ? 'No open questions.' : `${counted(open.length, 'open question')}.`);
}

/** @throws ModalmixError `config` for a label that is no class, or a clip that nobody is asked about */
export async function labelClip(
  clipId: string,
  label: string,
  flags: ConfigFlags,
  screen: Screen,
): Promise<void> {
  const config = await loadConfig(flags.config, flags.set);
  const stream = streamOf(config);
  const { classNamesOf } = await import('../../../pipelines/streaming/stream-settings.ts');
  const classNames = await classNamesOf(config.dataset);
  if (!classNames.includes(label)) {
    throw new ModalmixError('config', `there is no class "${label}"`, {
      where: config.name,
      fix: `The classes are ${classNames.join(', ')}.`,
    });
  }
  const { connection } = await connectKafka(screen);
  const reviews = await import('../../../pipelines/prediction/stream/reviews.ts');
  const request = { dataset: config.name, clipId, label, now: new Date() };
  await reviews.labelClip(connection, topicNames(stream.topicPrefix), request);
  screen.say(`${oneLine(clipId)} is ${oneLine(label)}: sent, to be learned from.`);
  screen.event('labelled', { clipId, label });
}
