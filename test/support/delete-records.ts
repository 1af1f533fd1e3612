/** Deletes the beginning of a partition by Kafka's own tool, as retention does. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { toolSettings } from '../../infra/kafka/broker-access.ts';
import { requireClassPath, requireJava } from '../../infra/kafka/jars.ts';
import type { KafkaConnection } from '../../pipelines/streaming/kafka/connection.ts';

export interface PartitionStart {
  readonly topic: string;
  readonly partition: number;
  /** What becomes the first offset. */
  readonly offset: number;
}

/** @param folder for the tool's input */
export async function deleteRecords(
  connection: KafkaConnection,
  folder: string,
  starts: readonly PartitionStart[],
): Promise<void> {
  const file = join(folder, 'delete.json');
  await writeFile(file, JSON.stringify({ version: 1, partitions: starts }));
  const settings = join(folder, 'delete.properties');
  await writeFile(settings, toolSettings(connection));
  await execa(requireJava(), [
    ...['-cp', requireClassPath(), 'org.apache.kafka.tools.DeleteRecordsCommand'],
    ...['--bootstrap-server', connection.brokers.join(','), '--offset-json-file', file],
    ...['--command-config', settings],
  ]);
}
