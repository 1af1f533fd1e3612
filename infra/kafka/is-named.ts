/** Apart from `connection.ts`, so that set-up can ask before the Kafka client is built. */
import { ENVIRONMENT } from '../../schemas/names.ts';

/** Whether the environment names brokers, so that the embedded one is not needed. */
export function connectionIsNamed(): boolean {
  return (process.env[ENVIRONMENT.kafkaBrokers] ?? '').trim() !== '';
}
