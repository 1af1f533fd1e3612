/** From a record's bytes to a clip event, or the reason why it is none. */
import { z } from 'zod';
import {
  CLIP_EVENT_MAX_BYTES,
  CLIP_EVENT_VERSION,
  clipEventSchema,
  type ClipEvent,
} from '../../../schemas/stream.ts';
import { EventRejected } from './authorise-clip.ts';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws EventRejected `event-too-large`, `malformed-json`, `unsupported-version`, `invalid-event`, `unknown-label` */
export function parseClipEvent(value: Uint8Array | null, classNames: readonly string[]): ClipEvent {
  if (value === null) throw new EventRejected('malformed-json', 'the record has no value');
  if (value.length > CLIP_EVENT_MAX_BYTES) {
    throw new EventRejected(
      'event-too-large',
      `the event has ${String(value.length)} bytes, allowed are ${String(CLIP_EVENT_MAX_BYTES)}`,
    );
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(strictUtf8.decode(value));
  } catch (error) {
    throw new EventRejected('malformed-json', error instanceof Error ? error.message : 'it is no JSON');
  }
  try {
    return checkedEvent(parsed, classNames);
  } catch (error) {
    if (error instanceof RangeError) throw new EventRejected('malformed-json', 'it is nested too deeply');
    throw error;
  }
}

function checkedEvent(parsed: unknown, classNames: readonly string[]): ClipEvent {
  const version = z.looseObject({ schemaVersion: z.unknown() }).safeParse(parsed);
  if (version.success && version.data.schemaVersion !== CLIP_EVENT_VERSION) {
    throw new EventRejected(
      'unsupported-version',
      `schemaVersion is ${version.data.schemaVersion === undefined ? 'missing' : JSON.stringify(version.data.schemaVersion)}, this reads ${String(CLIP_EVENT_VERSION)}`,
    );
  }
  const event = clipEventSchema.safeParse(parsed);
  if (!event.success) throw new EventRejected('invalid-event', z.prettifyError(event.error));
  const { label } = event.data;
  if (label !== undefined && !classNames.includes(label)) {
    throw new EventRejected(
      'unknown-label',
      `there is no class "${label}"; the classes are ${classNames.join(', ')}`,
    );
  }
  return event.data;
}
