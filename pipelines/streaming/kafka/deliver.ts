/** Sends records and waits until the broker has acknowledged every one of them. */
import type { ModalmixError } from '../../../schemas/errors.ts';
import type { DeliveryReport, LibrdKafkaError, Producer } from 'node-rdkafka';
import { KAFKA_CODES, codeOf, kafkaError } from './clients.ts';

export interface OutgoingRecord {
  readonly topic: string;
  readonly key: string | null;
  readonly value: Buffer;
  /** Absent: by the key. */
  readonly partition?: number;
}

const QUEUE_FULL_WAIT_MS = 20;

/** Hands a record to the client, waiting while its queue is full. `opaque` comes back in the delivery report. */
export async function enqueue(producer: Producer, record: OutgoingRecord, opaque?: unknown): Promise<void> {
  for (;;) {
    try {
      producer.produce(record.topic, record.partition ?? null, record.value, record.key, null, opaque);
      return;
    } catch (error) {
      if (codeOf(error) !== KAFKA_CODES.queueFull) throw kafkaError(error, `sending to ${record.topic}`);
      await new Promise((resolve) => setTimeout(resolve, QUEUE_FULL_WAIT_MS));
    }
  }
}

/**
 * @param producer made with `dr_cb: true`
 * @param maxInFlight records that are under way at a time
 * @throws ModalmixError when one of them is refused or not acknowledged in time
 */
export async function deliver(
  producer: Producer,
  records: Iterable<OutgoingRecord> | AsyncIterable<OutgoingRecord>,
  maxInFlight = 1_000,
): Promise<number> {
  let acknowledged = 0;
  let inFlight = 0;
  let failure: ModalmixError | undefined;
  let wake: () => void = () => undefined;
  const batch = {};
  const onReport = (error: LibrdKafkaError | null | undefined, report: DeliveryReport) => {
    if (report.opaque !== batch) return;
    inFlight -= 1;
    if (error === null || error === undefined) acknowledged += 1;
    else failure ??= kafkaError(error, `sending to ${report.topic}`);
    wake();
  };
  const fewerThan = async (limit: number) => {
    while (inFlight >= limit && failure === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (failure !== undefined) throw failure;
  };
  producer.on('delivery-report', onReport);
  try {
    for await (const record of records) {
      await fewerThan(maxInFlight);
      inFlight += 1;
      await enqueue(producer, record, batch);
    }
    await fewerThan(1);
    return acknowledged;
  } finally {
    producer.off('delivery-report', onReport);
  }
}
