/** Made-up feature rows that fit a target's extraction, as they stand on the features topic. */
import { storedFrames } from '../../schemas/config/extraction-config.ts';
import { audioShape } from '../../schemas/shard.ts';
import { connectProducer, disconnect } from '../../pipelines/streaming/kafka/clients.ts';
import type { KafkaConnection } from '../../pipelines/streaming/kafka/connection.ts';
import { deliver } from '../../pipelines/streaming/kafka/deliver.ts';
import { encodeFeatureRecord, type FeatureRecord } from '../../pipelines/streaming/rows/feature-record.ts';
import {
  extractionKeyOfTarget,
  topicsOf,
  type StreamTarget,
} from '../../pipelines/streaming/stream-target.ts';

export type RowChanges = Partial<FeatureRecord>;

/** The features follow from `index`. */
export function featureRow(target: StreamTarget, index: number, changes: RowChanges = {}): FeatureRecord {
  const [frequencies, times] = audioShape(target.extraction.audio);
  const { shortSide } = target.extraction.video;
  const frames = storedFrames(target.extraction.video);
  const audio = Float32Array.from({ length: frequencies * times }, (_, i) => Math.sin(i + index));
  const rgb = Uint8Array.from({ length: frames * shortSide * shortSide * 3 }, (_, i) => (i * index) % 251);
  return {
    clipId: `clip-${String(index).padStart(4, '0')}`,
    label: target.classNames[index % target.classNames.length] ?? '',
    contentHash: String(index).padStart(64, '0'),
    extractionKey: extractionKeyOfTarget(target),
    sentAt: new Date(1_700_000_000_000 + index).toISOString(),
    source: { topic: 'clips', partition: 0, offset: index },
    features: {
      audio: { data: audio, shape: [frequencies, times] },
      rgb: { data: rgb, shape: [frames, shortSide, shortSide, 3] },
      missing: {},
    },
    ...changes,
  };
}

export async function sendFeatureRows(
  connection: KafkaConnection,
  target: StreamTarget,
  rows: readonly FeatureRecord[],
): Promise<void> {
  const producer = await connectProducer(connection, 'test', { dr_cb: true });
  try {
    await deliver(
      producer,
      rows.map((row) => ({
        topic: topicsOf(target).features,
        key: row.clipId,
        value: Buffer.from(encodeFeatureRecord(row)),
      })),
    );
  } finally {
    await disconnect(producer);
  }
}
