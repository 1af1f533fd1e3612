/**
 * The Kafka client, loaded when it is first used: it is compiled by a set-up step of its own, so what merely knows
 * of streaming must load without it.
 */
import { createRequire } from 'node:module';
import type * as NodeRdkafka from 'node-rdkafka';
import { ModalmixError } from '../../../schemas/errors.ts';

let loaded: typeof NodeRdkafka | undefined;

/** @throws ModalmixError `dependency` when it is not built */
export function rdkafka(): typeof NodeRdkafka {
  try {
    return (loaded ??= createRequire(import.meta.url)('node-rdkafka') as typeof NodeRdkafka);
  } catch (cause) {
    throw new ModalmixError('dependency', 'the Kafka client cannot be loaded', {
      where: 'node-rdkafka',
      fix: 'Run "npm run setup -- --for=stream".',
      cause,
    });
  }
}
