/** A real broker that asks who is there: SASL over plain and TLS connections, and client certificates. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { DetachedServer, type Ports } from '../../infra/detached-server.ts';
import { prepareBroker } from '../../infra/kafka/broker-program.ts';
import { fetchJars } from '../../infra/kafka/fetch-jars.ts';
import { requireClassPath, requireJava } from '../../infra/kafka/jars.ts';
import { LOOPBACK } from '../../infra/ports.ts';
import { brokerAnswers } from '../../pipelines/streaming/kafka/broker-health.ts';

export const USER = 'ada';
export const PASSWORD = 'correct-horse-battery';
export const KEY_PASSWORD = 'staple';

export interface SecuredBroker {
  /** Absolute; deleted by `stop`. */
  readonly home: string;
  /** host:port by who may come in. */
  readonly brokers: { readonly sasl: string; readonly saslTls: string; readonly mutualTls: string };
  /** Lets the user do only these things with topics whose names begin so; with others he may do all. */
  allowOnly(topicPrefix: string, operations: readonly string[]): Promise<void>;
  /** PEM files. The client's key is encrypted with `KEY_PASSWORD`; no client knows the stranger's authority. */
  readonly files: Readonly<Record<'ca' | 'clientCert' | 'clientKey' | 'strangerCa', string>>;
  stop(): Promise<void>;
}

/** Where a listener's port is among the server's. */
const PLACES = { internal: 0, sasl: 1, saslTls: 2, mutualTls: 3, controller: 4 } as const;

export async function startSecuredBroker(): Promise<SecuredBroker> {
  const home = await mkdtemp(join(tmpdir(), 'modalmix-secured-'));
  await fetchJars();
  const certificates = await makeCertificates(join(home, 'certificates'));
  const folder = join(home, 'kafka');
  const server = new DetachedServer({
    name: 'secured Kafka broker',
    folder: () => folder,
    portCount: Object.keys(PLACES).length,
    prepare: async (ports) =>
      await prepareBroker(
        { folder, data: join(folder, 'data') },
        {
          settings: settings(ports, certificates),
          formatArguments: () =>
            ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
              '--add-scram',
              `${mechanism}=[name=${USER},password=${PASSWORD}]`,
            ]),
        },
      ),
    answers: async (ports) =>
      await brokerAnswers({ brokers: [addressOf(ports, 'internal')], clientId: 'test' }),
    startTimeoutMs: 180_000,
    stopGraceMs: 15_000,
    fix: () => 'Look at the log.',
  });
  const { ports } = await server.ensure();
  return {
    home,
    brokers: {
      sasl: addressOf(ports, 'sasl'),
      saslTls: addressOf(ports, 'saslTls'),
      mutualTls: addressOf(ports, 'mutualTls'),
    },
    files: certificates,
    allowOnly: async (topicPrefix, operations) => {
      await execa(requireJava(), [
        ...['-cp', requireClassPath(), 'org.apache.kafka.tools.AclCommand'],
        ...['--bootstrap-server', addressOf(ports, 'internal'), '--add', '--allow-principal', `User:${USER}`],
        ...['--resource-pattern-type', 'prefixed', '--topic', topicPrefix],
        ...operations.flatMap((operation) => ['--operation', operation]),
      ]);
    },
    stop: async () => {
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

function addressOf(ports: Ports, listener: keyof typeof PLACES): string {
  return `${LOOPBACK}:${String(ports[PLACES[listener]])}`;
}

function settings(ports: Ports, { ca, serverStore }: Certificates) {
  const listeners = {
    INTERNAL: { address: addressOf(ports, 'internal'), protocol: 'PLAINTEXT' },
    SASL: { address: addressOf(ports, 'sasl'), protocol: 'SASL_PLAINTEXT' },
    SASLTLS: { address: addressOf(ports, 'saslTls'), protocol: 'SASL_SSL' },
    MUTUALTLS: { address: addressOf(ports, 'mutualTls'), protocol: 'SSL' },
    CONTROLLER: { address: addressOf(ports, 'controller'), protocol: 'PLAINTEXT' },
  };
  const join_ = (line: (name: string, listener: { address: string; protocol: string }) => string) =>
    Object.entries(listeners).map(([name, listener]) => line(name, listener));
  const urls = join_((name, { address }) => `${name}://${address}`);
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${USER}="${PASSWORD}";`;
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  return {
    'controller.quorum.voters': `1@${listeners.CONTROLLER.address}`,
    listeners: urls.join(','),
    'advertised.listeners': urls.filter((url) => !url.startsWith('CONTROLLER')).join(','),
    'listener.security.protocol.map': join_((name, { protocol }) => `${name}:${protocol}`).join(','),
    'inter.broker.listener.name': 'INTERNAL',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    ...Object.fromEntries(
      ['sasl', 'sasltls'].flatMap((listener) => [
        [`listener.name.${listener}.plain.sasl.jaas.config`, plain],
        [`listener.name.${listener}.scram-sha-256.sasl.jaas.config`, scram],
        [`listener.name.${listener}.scram-sha-512.sasl.jaas.config`, scram],
      ]),
    ),
    'listener.name.mutualtls.ssl.client.auth': 'required',
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': true,
    // Who comes in by the internal listener.
    'super.users': 'User:ANONYMOUS',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': serverStore,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': ca,
  };
}

interface Certificates {
  readonly ca: string;
  readonly strangerCa: string;
  readonly clientCert: string;
  readonly clientKey: string;
  /** The server's key and certificate in one file, as Kafka wants them. */
  readonly serverStore: string;
}

async function makeCertificates(folder: string): Promise<Certificates> {
  await mkdir(folder, { recursive: true });
  const openssl = async (...args: string[]) => await execa('openssl', args, { cwd: folder, stdin: 'ignore' });
  const authority = async (name: string) =>
    await openssl(
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`],
      ...['-keyout', `${name}.key`, '-out', `${name}.pem`],
    );
  const signed = async (name: string, extensions: string, key: readonly string[]) => {
    await writeFile(join(folder, `${name}.ext`), extensions);
    await openssl(
      ...['req', '-newkey', 'rsa:2048', '-subj', `/CN=${name}`, ...key],
      ...['-keyout', `${name}.key`, '-out', `${name}.csr`],
    );
    await openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...['-days', '2', '-extfile', `${name}.ext`, '-out', `${name}.pem`],
    );
  };
  await authority('ca');
  await authority('stranger');
  await signed('server', `subjectAltName=IP:${LOOPBACK},DNS:localhost\n`, ['-nodes']);
  await signed('client', 'extendedKeyUsage=clientAuth\n', ['-passout', `pass:${KEY_PASSWORD}`]);
  const file = (name: string) => join(folder, name);
  const store = await Promise.all(
    ['server.key', 'server.pem'].map(async (name) => await readFile(file(name))),
  );
  await writeFile(file('server-store.pem'), Buffer.concat(store));
  return {
    ca: file('ca.pem'),
    strangerCa: file('stranger.pem'),
    clientCert: file('client.pem'),
    clientKey: file('client.key'),
    serverStore: file('server-store.pem'),
  };
}
