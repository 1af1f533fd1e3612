/** The sink over all that is on the features topic: `kafka-sink-child.ts lent|copied <brokers> <scratch> <run> <records>`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startSink, taken, targetOf } from '../benches/stream-parts.ts';

const POLL_MS = 20;
const NEVER_S = 86_400;

const [way, brokers = '', scratch = '', run = '', records = '0'] = process.argv.slice(2);
if (way === 'copied') leaveOut('lent_messages.node');
const before = process.cpuUsage();
const startedMs = performance.now();
const target = targetOf({ name: `run-${run}`, topicPrefix: 'sink', flushS: NEVER_S });
const { metrics, stop } = startSink({ brokers: brokers.split(','), clientId: 'bench' }, target, scratch);
while ((await taken(metrics)) < Number(records)) await sleep(POLL_MS);
await stop();
const { user, system } = process.cpuUsage(before);
const took = { seconds: (performance.now() - startedMs) / 1_000, processor: (user + system) / 1e6 };
process.stdout.write(`${JSON.stringify({ ...took, done: await taken(metrics) })}\n`, () => process.exit());

/** As if the addon had not been compiled. */
function leaveOut(addon: string): void {
  const load = process.dlopen.bind(process);
  process.dlopen = (...given: Parameters<typeof process.dlopen>) => {
    if (given[1].endsWith(addon)) throw new Error('left out');
    load(...given);
  };
}
