/** The log of a program that must outlive a full disk: a line that cannot be written is lost, and nothing else. */
import { pino, type Logger } from 'pino';
import { withoutSecrets } from '../pipelines/process/secrets.ts';

/** @param level pino's */
export function standardLog(level = 'info'): Logger {
  const destination = pino.destination(1);
  const lost = () => undefined;
  destination.on('error', lost);
  process.stderr.on('error', lost);
  return pino({ level, hooks: { streamWrite: (line) => withoutSecrets(line) } }, destination);
}
