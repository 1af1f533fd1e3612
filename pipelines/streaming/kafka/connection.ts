/**
 * How to reach the brokers: read from the environment, checked, and turned into the client's settings.
 * Passwords and keys never leave this file except into the client: `describeConnection` is what is logged.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { GlobalConfig } from 'node-rdkafka';
import { z } from 'zod';
import { ModalmixError } from '../../../schemas/errors.ts';
import { ENVIRONMENT } from '../../../schemas/names.ts';
import { rdkafka } from './rdkafka.ts';

export const SASL_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

const brokerSchema = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/u, 'each broker is host:port');

export const kafkaConnectionSchema = z.strictObject({
  /** host:port each. */
  brokers: z.array(brokerSchema).min(1),
  clientId: z.string().min(1),
  sasl: z
    .strictObject({
      mechanism: z.enum(SASL_MECHANISMS),
      username: z.string().min(1),
      password: z.string().min(1),
    })
    .optional(),
  tls: z
    .strictObject({
      /** PEM files. */
      caPath: z.string().optional(),
      certPath: z.string().optional(),
      keyPath: z.string().optional(),
      keyPassword: z.string().optional(),
    })
    .optional(),
});
export type KafkaConnection = z.infer<typeof kafkaConnectionSchema> & {
  /** A file of settings for Kafka's own tools (`--command-config`), where there is one. */
  readonly toolSettings?: string;
};

export const DEFAULT_CLIENT_ID = 'modalmix';

/**
 * The connection that the environment names, or undefined when it names no brokers.
 * @throws ModalmixError `config` when the variables do not fit together
 */
export function connectionFromEnvironment(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): KafkaConnection | undefined {
  const read = (variable: string) => {
    const value = environment[variable]?.trim();
    return value === '' ? undefined : value;
  };
  const brokers = read(ENVIRONMENT.kafkaBrokers);
  if (brokers === undefined) return undefined;
  const sasl = withoutUndefined({
    mechanism: read(ENVIRONMENT.kafkaSaslMechanism)?.toUpperCase(),
    username: read(ENVIRONMENT.kafkaSaslUsername),
    password: read(ENVIRONMENT.kafkaSaslPassword),
  });
  const tls = withoutUndefined({
    caPath: read(ENVIRONMENT.kafkaTlsCa),
    certPath: read(ENVIRONMENT.kafkaTlsCert),
    keyPath: read(ENVIRONMENT.kafkaTlsKey),
    keyPassword: read(ENVIRONMENT.kafkaTlsKeyPassword),
  });
  const tlsWanted = read(ENVIRONMENT.kafkaTls);
  if (tlsWanted !== undefined && !['true', 'false'].includes(tlsWanted)) {
    throw new ModalmixError('config', `is neither true nor false`, {
      where: `environment variable ${ENVIRONMENT.kafkaTls}`,
    });
  }
  const parsed = kafkaConnectionSchema.safeParse({
    brokers: brokers.split(',').map((broker) => broker.trim()),
    clientId: read(ENVIRONMENT.kafkaClientId) ?? DEFAULT_CLIENT_ID,
    ...(Object.keys(sasl).length === 0 ? {} : { sasl }),
    ...(tlsWanted === 'true' || (tlsWanted === undefined && Object.keys(tls).length > 0) ? { tls } : {}),
  });
  if (!parsed.success) {
    // The values are left out on purpose: one of them may be a password.
    const problems = parsed.error.issues.map(
      (issue) => `${VARIABLES[issue.path.join('.')] ?? variableOf(issue.path)}: ${issue.message}`,
    );
    throw new ModalmixError('config', `the Kafka connection is incomplete or wrong: ${problems.join('; ')}`, {
      where: 'environment',
      fix: `Set ${ENVIRONMENT.kafkaBrokers} to host:port,… and, for SASL, all of ${ENVIRONMENT.kafkaSaslMechanism} (${SASL_MECHANISMS.join(', ')}), ${ENVIRONMENT.kafkaSaslUsername} and ${ENVIRONMENT.kafkaSaslPassword}.`,
    });
  }
  return parsed.data;
}

const VARIABLES: Readonly<Record<string, string>> = {
  'sasl.mechanism': ENVIRONMENT.kafkaSaslMechanism,
  'sasl.username': ENVIRONMENT.kafkaSaslUsername,
  'sasl.password': ENVIRONMENT.kafkaSaslPassword,
};

function variableOf(path: readonly PropertyKey[]): string {
  return path[0] === 'brokers' ? ENVIRONMENT.kafkaBrokers : path.join('.');
}

function withoutUndefined(fields: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/**
 * Settings every client shares.
 * @param role told to the broker beside the client id, so that its logs say who is who
 * @throws ModalmixError `dependency` when the client library was built without what the connection needs,
 *   `config` when a certificate file cannot be read
 */
export function clientSettings(connection: KafkaConnection, role: string): GlobalConfig {
  const { sasl, tls } = connection;
  requireFeature(tls !== undefined, 'ssl', 'TLS');
  requireFeature(sasl?.mechanism.startsWith('SCRAM') === true, 'sasl_scram', 'SASL/SCRAM');
  for (const path of [tls?.caPath, tls?.certPath, tls?.keyPath]) {
    if (path !== undefined) requireReadable(path);
  }
  return {
    'metadata.broker.list': connection.brokers.join(','),
    'client.id': `${connection.clientId}-${role}-${hostname()}-${String(process.pid)}`,
    'security.protocol': PROTOCOLS[sasl === undefined ? 'open' : 'sasl'][tls === undefined ? 'plain' : 'tls'],
    ...(sasl === undefined
      ? {}
      : {
          'sasl.mechanisms': sasl.mechanism,
          'sasl.username': sasl.username,
          'sasl.password': sasl.password,
        }),
    ...(tls?.caPath === undefined ? {} : { 'ssl.ca.location': tls.caPath }),
    ...(tls?.certPath === undefined ? {} : { 'ssl.certificate.location': tls.certPath }),
    ...(tls?.keyPath === undefined ? {} : { 'ssl.key.location': tls.keyPath }),
    ...(tls?.keyPassword === undefined ? {} : { 'ssl.key.password': tls.keyPassword }),
    'socket.keepalive.enable': true,
    'reconnect.backoff.ms': 100,
    'reconnect.backoff.max.ms': 2_000,
    // Errors come as events; the library's own lines would go to stderr unfiltered.
    log_level: 0,
  };
}

const PROTOCOLS = {
  open: { plain: 'plaintext', tls: 'ssl' },
  sasl: { plain: 'sasl_plaintext', tls: 'sasl_ssl' },
} as const;

function requireFeature(needed: boolean, feature: string, name: string): void {
  if (!needed || rdkafka().features.includes(feature)) return;
  throw new ModalmixError('dependency', `the Kafka client was built without ${name}`, {
    where: 'node-rdkafka',
    fix: 'Install the OpenSSL headers (Debian, Ubuntu: apt-get install libssl-dev; macOS: brew install openssl), delete the cached build and run the set-up again.',
  });
}

function requireReadable(path: string): void {
  try {
    readFileSync(path);
  } catch (error) {
    throw new ModalmixError('config', 'the certificate or key file cannot be read', {
      where: path,
      fix: 'Give the path of a PEM file that this user may read.',
      cause: error,
    });
  }
}

/** The connection without its secrets, for logs and people. */
export function describeConnection(connection: KafkaConnection): Record<string, unknown> {
  return {
    brokers: connection.brokers,
    clientId: connection.clientId,
    ...(connection.sasl === undefined
      ? {}
      : { sasl: { mechanism: connection.sasl.mechanism, username: connection.sasl.username } }),
    tls: connection.tls !== undefined,
  };
}
