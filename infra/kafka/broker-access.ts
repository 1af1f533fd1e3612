/**
 * Who may use the embedded broker: whoever has the home's password, which its owner alone can read. Features on its topics are
 * frames and sound of the owner's clips, and a clip event has a file of the owner's read.
 *
 * Clients come by SCRAM, by which the broker has to prove that it knows the password too: a program of somebody else's that
 * takes the port of a broker that has died learns nothing, and is sent nothing.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { brokerAnswers } from '../../pipelines/streaming/kafka/broker-health.ts';
import { DEFAULT_CLIENT_ID, type KafkaConnection } from '../../pipelines/streaming/kafka/connection.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { VERSIONS } from '../../schemas/versions.ts';
import type { Ports } from '../detached-server.ts';
import { modalmixHome } from '../folders.ts';
import { LOOPBACK } from '../ports.ts';
import { makeSecretFile, requirePrivate } from '../private-file.ts';
import { readStateFile, writeStateFile } from '../state-file.ts';
import { brokerFolder } from './broker-folders.ts';
import type { BrokerOptions } from './broker-program.ts';
import { requireClassPath, requireJava } from './jars.ts';

const USER = 'modalmix';
const PASSWORD_BYTES = 32;
const SCRAM = 'SCRAM-SHA-256';
const TOOL_TIMEOUT_MS = 60_000;

const secretSchema = z.object({ formatVersion: z.int().optional(), password: z.string().min(1) });
const knownSchema = z.object({ passwordSha256: z.string() });

const secretFile = () => join(modalmixHome(), 'keys', 'broker.json');
/** Which password the broker's own data know. */
const knownFile = () => join(brokerFolder(), 'access.json');
/** For Kafka's own tools: `--command-config`. */
export const brokerToolSettings = () => join(brokerFolder(), 'client.properties');

/** @throws ModalmixError `config` where the file of the password is not the owner's alone, or damaged */
function readPassword(): string | undefined {
  const path = secretFile();
  if (!existsSync(path)) return undefined;
  requirePrivate(path, 'the password of the embedded broker');
  const secret = readStateFile(path, secretSchema);
  if (secret !== undefined) return secret.password;
  throw new ModalmixError('config', 'the password of the embedded broker cannot be read', {
    where: path,
    fix: 'Stop the broker (modalmix infra down) and delete the file: another password is made.',
  });
}

/** How clients reach it. */
export function connectionTo(ports: Ports): KafkaConnection {
  return { ...connectionBy(SCRAM, ports, readPassword()), toolSettings: brokerToolSettings() };
}

function connectionBy(
  mechanism: typeof SCRAM | 'PLAIN',
  [port = 0]: Ports,
  password: string | undefined,
): KafkaConnection {
  return {
    brokers: [`${LOOPBACK}:${String(port)}`],
    clientId: DEFAULT_CLIENT_ID,
    // A broker that asks for none is one of an earlier release, or a stranger's: nothing is sent to it.
    sasl: { mechanism, username: USER, password: password ?? 'there is none yet' },
  };
}

/** A line for each setting of Kafka's own tools. */
export function toolSettings({ sasl }: Pick<KafkaConnection, 'sasl'>): string {
  if (sasl === undefined) return '';
  const { mechanism, username, password } = sasl;
  return [
    'security.protocol=SASL_PLAINTEXT',
    `sasl.mechanism=${mechanism}`,
    `sasl.jaas.config=${jaas(mechanism, `username="${username}" password="${password}"`)}`,
    '',
  ].join('\n');
}

function jaas(mechanism: string, options: string): string {
  const [folder, name] = mechanism === 'PLAIN' ? ['plain', 'Plain'] : ['scram', 'Scram'];
  return `org.apache.kafka.common.security.${folder}.${name}LoginModule required ${options};`;
}

/** The settings of a broker that only the home's owner can use; the password is made where there is none. */
export function brokerAccess([clients = 0, controller = 0]: Ports): BrokerOptions {
  if (!existsSync(secretFile())) {
    makeSecretFile(secretFile(), {
      formatVersion: VERSIONS.state,
      password: randomBytes(PASSWORD_BYTES).toString('base64url'),
    });
  }
  const password = readPassword()!;
  writeSecretly(brokerToolSettings(), toolSettings(connectionBy(SCRAM, [clients], password)));
  const words = join(brokerFolder(), 'format.words');
  const own = `username="${USER}" password="${password}"`;
  const plain = jaas('PLAIN', `${own} user_${USER}="${password}"`);
  return {
    settings: {
      'controller.quorum.voters': `1@${LOOPBACK}:${String(controller)}`,
      listeners: `CLIENTS://${LOOPBACK}:${String(clients)},CONTROLLER://${LOOPBACK}:${String(controller)}`,
      'advertised.listeners': `CLIENTS://${LOOPBACK}:${String(clients)}`,
      'listener.security.protocol.map': 'CLIENTS:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT',
      'inter.broker.listener.name': 'CLIENTS',
      'sasl.mechanism.inter.broker.protocol': SCRAM,
      // PLAIN is how the password gets to data that do not know it, once: no client of ours comes by it.
      'listener.name.clients.sasl.enabled.mechanisms': knows(password) ? SCRAM : `${SCRAM},PLAIN`,
      'listener.name.clients.scram-sha-256.sasl.jaas.config': jaas(SCRAM, own),
      'listener.name.clients.plain.sasl.jaas.config': plain,
      // The broker asks its own controller, in the same process. SCRAM's passwords lie behind this door.
      'sasl.mechanism.controller.protocol': 'PLAIN',
      'listener.name.controller.sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.controller.plain.sasl.jaas.config': plain,
    },
    formatArguments: () => {
      // All users can read command lines.
      writeSecretly(words, `--add-scram\n${SCRAM}=[name=${USER},password=${password}]\n`);
      return [`@${words}`];
    },
    onFormatted: () => {
      rmSync(words, { force: true });
      remember(password);
    },
  };
}

/** Whether it takes us for its owner; tells data of an earlier release, or of another password, the password of now. */
export async function answersOwner(ports: Ports): Promise<boolean> {
  if (await brokerAnswers(connectionTo(ports))) return true;
  const password = readPassword();
  if (password === undefined || knows(password)) return false;
  const plain = connectionBy('PLAIN', ports, password);
  if (!(await brokerAnswers(plain))) return false;
  const [settings, added] = [`${brokerToolSettings()}.plain`, `${brokerToolSettings()}.added`];
  try {
    writeSecretly(settings, toolSettings(plain));
    writeSecretly(added, `${SCRAM}=password=${password}\n`);
    const { exitCode, stderr } = await execa(
      requireJava(),
      [
        ...['-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', requireClassPath()],
        ...['kafka.admin.ConfigCommand', '--bootstrap-server', plain.brokers[0]!],
        ...['--command-config', settings, '--alter', '--add-config-file', added],
        ...['--entity-type', 'users', '--entity-name', USER],
      ],
      { timeout: TOOL_TIMEOUT_MS, stdin: 'ignore', reject: false },
    );
    if (exitCode !== 0) {
      throw new ModalmixError('transient', 'the embedded broker did not take its new password', {
        where: brokerFolder(),
        // It quotes what it does not take.
        cause: new Error(stderr.slice(-2_000).replaceAll(password, '…')),
      });
    }
    remember(password);
  } finally {
    for (const file of [settings, added]) rmSync(file, { force: true });
  }
  return await brokerAnswers(connectionTo(ports));
}

const hashOf = (password: string) => createHash('sha256').update(password).digest('hex');

function knows(password: string): boolean {
  return readStateFile(knownFile(), knownSchema)?.passwordSha256 === hashOf(password);
}

function remember(password: string): void {
  writeStateFile(knownFile(), { passwordSha256: hashOf(password) });
}

/** In the broker's own folder, which is closed to others; a file that is there keeps its mode when it is written. */
function writeSecretly(path: string, text: string): void {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  rmSync(path, { force: true });
  writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
}
