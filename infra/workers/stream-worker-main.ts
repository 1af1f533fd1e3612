/** The entry of a stream worker: `tsx infra/workers/stream-worker-main.ts --role ingest|sink|predict --config <file>`. */
import { main } from './stream-worker.ts';

process.exitCode = await main(process.argv.slice(2));

/** For what is still being written, logs among it. */
const LAST_WORDS_MS = 5_000;
// A Kafka client whose broker has gone may never close, and would keep the process for ever.
setTimeout(() => process.exit(), LAST_WORDS_MS).unref();
