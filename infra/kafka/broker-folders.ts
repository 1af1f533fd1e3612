/** Where the embedded broker keeps what is its own; the Kafka client, which may not be built, is not needed to ask. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { modalmixHome } from '../folders.ts';

export const brokerFolder = () => join(modalmixHome(), 'kafka');
export const brokerDataFolder = () => join(brokerFolder(), 'data');

/** Whether it runs, or has run: only then can something be on its topics. */
export function brokerHasBeenStarted(): boolean {
  return existsSync(brokerDataFolder());
}
