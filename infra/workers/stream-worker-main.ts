/** The entry of a stream worker: `tsx infra/workers/stream-worker-main.ts --role ingest|sink --config <file>`. */
import { main } from './stream-worker.ts';

process.exitCode = await main(process.argv.slice(2));
