/** The entry of a worker process: `tsx infra/workers/worker-main.ts --queues media,training,control`. */
import { main } from './worker-process.ts';

// Whoever started this process learns that its code could be loaded.
if (process.connected) process.send?.('loaded');
process.exitCode = await main(process.argv.slice(2));
