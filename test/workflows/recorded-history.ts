/** How a recorded history lies in its file: its events' names, to read, and its bytes, to replay. */
import proto from '@temporalio/proto';
import { z } from 'zod';

const { History } = proto.temporal.api.history.v1;
const { EventType } = proto.temporal.api.enums.v1;
export type History = proto.temporal.api.history.v1.IHistory;

const fileSchema = z.object({ events: z.array(z.string()), protobuf: z.base64() });

export function encodeHistory(history: History): string {
  const events = (history.events ?? []).map((event) =>
    (EventType[event.eventType ?? 0] ?? '').slice('EVENT_TYPE_'.length),
  );
  const protobuf = Buffer.from(History.encode(history).finish()).toString('base64');
  return `${JSON.stringify({ events, protobuf }, null, 1)}\n`;
}

export function decodeHistory(text: string): History {
  return History.decode(Buffer.from(fileSchema.parse(JSON.parse(text)).protobuf, 'base64'));
}
