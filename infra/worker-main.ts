/** The entry of a worker process: `tsx infra/worker-main.ts --queues media,training,control`. */
import { main } from './worker-process.ts';

process.exitCode = await main(process.argv.slice(2));
