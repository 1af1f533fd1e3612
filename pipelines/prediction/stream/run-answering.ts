/**
 * The predict worker: `modalmix.features` → the current version of a model → `modalmix.predictions`, and
 * `modalmix.review` where a person's look is worth it. Any number of them share the partitions; each record is answered
 * once, whoever dies when.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Gauge } from 'prom-client';
import { runSessions } from '../../streaming/transactions/run-sessions.ts';
import { Answerer } from './answerer.ts';
import type { AnsweringInput } from './answering-input.ts';
import { AnsweringWork } from './answering-work.ts';
import { WindowTeller } from './tell-windows.ts';

/** How soon a new version is loaded while no clip comes. */
const LOOK_MS = 1_000;

/**
 * Runs until the signal. While no version is current, clips wait.
 * @throws ModalmixError `config` or `dependency` when trying again would not help
 */
export async function runAnswering(input: AnsweringInput): Promise<void> {
  const { target, log, metrics, signal, store, model } = input;
  const version = new Gauge({
    name: 'modalmix_stream_model_version',
    help: 'Version of the model that answers.',
    labelNames: ['model'],
    registers: [metrics.registry],
  });
  const onVersion = (number: number) => {
    version.set({ model }, number);
  };
  const answerer = new Answerer({ store, target, model, log, onVersion });
  const teller = new WindowTeller({ store, target, metrics, log });
  const ended = new AbortController();
  const looking = lookAhead(answerer, AbortSignal.any([signal, ended.signal]));
  try {
    await runSessions(input, () => new AnsweringWork(input, answerer, teller), true);
  } finally {
    ended.abort();
    answerer.close();
    await looking;
    await teller.settled();
  }
}

/** What fails here fails again for the next clip, and is told then. */
async function lookAhead(answerer: Answerer, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await answerer.prepare().catch(() => undefined);
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}
