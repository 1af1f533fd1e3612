import { inspect } from 'node:util';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import {
  clientSettings,
  connectionFromEnvironment,
  describeConnection,
} from '../../../../pipelines/streaming/kafka/connection.ts';
import { connectProducer } from '../../../../pipelines/streaming/kafka/clients.ts';
import { describeError } from '../../../../schemas/errors.ts';

const SECRET = 'correct-horse-battery';
const SASL = {
  KAFKA_BROKERS: '127.0.0.1:9, other.example:9092',
  KAFKA_CLIENT_ID: 'lab',
  KAFKA_SASL_MECHANISM: 'scram-sha-512',
  KAFKA_SASL_USERNAME: 'ada',
  KAFKA_SASL_PASSWORD: SECRET,
};

describe('the connection from the environment', () => {
  test('without brokers there is none, so that the embedded one is used', () => {
    expect(connectionFromEnvironment({ KAFKA_SASL_PASSWORD: SECRET })).toBeUndefined();
    expect(connectionFromEnvironment({ KAFKA_BROKERS: '  ' })).toBeUndefined();
  });

  test.each([
    [{}, undefined, 'plaintext'],
    [{ KAFKA_TLS: 'true' }, undefined, 'ssl'],
    [{ KAFKA_TLS_CA_PATH: import.meta.filename }, undefined, 'ssl'],
    [SASL, 'SCRAM-SHA-512', 'sasl_plaintext'],
    [{ ...SASL, KAFKA_SASL_MECHANISM: 'SCRAM-SHA-256', KAFKA_TLS: 'true' }, 'SCRAM-SHA-256', 'sasl_ssl'],
    [{ ...SASL, KAFKA_SASL_MECHANISM: 'PLAIN' }, 'PLAIN', 'sasl_plaintext'],
  ])('%o speaks %s over %s', (variables, mechanism, protocol) => {
    const connection = connectionFromEnvironment({ KAFKA_BROKERS: 'a:1', ...variables })!;
    const settings = clientSettings(connection, 'test');
    expect(settings['security.protocol']).toBe(protocol);
    expect(settings['sasl.mechanisms']).toBe(mechanism);
  });

  test.each([
    [{ ...SASL, KAFKA_SASL_MECHANISM: 'GSSAPI' }, 'KAFKA_SASL_MECHANISM'],
    [{ ...SASL, KAFKA_SASL_USERNAME: '' }, 'KAFKA_SASL_USERNAME'],
    [{ ...SASL, KAFKA_BROKERS: 'no-port' }, 'KAFKA_BROKERS'],
    [{ ...SASL, KAFKA_TLS: 'maybe' }, 'KAFKA_TLS'],
  ])('a mistake is named by its variable, without the password', (variables, named) => {
    let told = '';
    try {
      connectionFromEnvironment(variables);
    } catch (error) {
      told = describeError(error) + inspect(error, { depth: 10 });
    }
    expect(told).toContain(named);
    expect(told).not.toContain(SECRET);
  });
});

test('neither logs nor errors of a connection that fails show the password', async () => {
  const connection = connectionFromEnvironment({ ...SASL, KAFKA_BROKERS: '127.0.0.1:9' })!;
  const lines: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) });
  log.info(describeConnection(connection), 'connecting');
  const error: unknown = await connectProducer(connection, 'test').catch((caught: unknown) => {
    log.error(caught, 'failed');
    return caught;
  });
  expect(error).toMatchObject({ kind: 'transient' });
  const told = lines.join('\n') + describeError(error) + inspect(error, { depth: 10 });
  expect(told).toContain('ada');
  expect(told).not.toContain(SECRET);
});
