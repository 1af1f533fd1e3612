/** How to reach a Temporal server that somebody else runs: the environment's word. */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from '@temporalio/client';
import { ModalmixError } from '../../schemas/errors.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';

type TlsSettings = Exclude<ConnectionOptions['tls'], boolean | null | undefined>;

/** Fits the client's connection and the worker's alike. */
export interface TemporalConnection {
  readonly address: string;
  readonly tls?: TlsSettings | boolean;
  readonly apiKey?: string;
}

export interface TemporalEndpoint {
  readonly address: string;
  readonly namespace: string;
  readonly connection: TemporalConnection;
  /** Whether it is the server that Modalmix itself runs. */
  readonly embedded: boolean;
}

export const DEFAULT_NAMESPACE = 'default';

/**
 * @returns undefined when the environment names no server
 * @throws ModalmixError `config` for an address without a port, half a client certificate or an unreadable file
 */
export function endpointFromEnvironment(): TemporalEndpoint | undefined {
  const address = variable('temporalAddress');
  if (address === undefined) return undefined;
  if (!/^.+:\d{1,5}$/.test(address)) {
    throw new ModalmixError('config', `"${address}" is not host:port`, {
      where: ENVIRONMENT.temporalAddress,
      fix: 'Name the port too, as in "temporal.example.org:7233".',
    });
  }
  const apiKey = variable('temporalApiKey');
  const tls = tlsFromEnvironment() ?? (apiKey === undefined ? undefined : true);
  return {
    address,
    namespace: variable('temporalNamespace') ?? DEFAULT_NAMESPACE,
    connection: {
      address,
      ...(tls === undefined ? {} : { tls }),
      ...(apiKey === undefined ? {} : { apiKey }),
    },
    embedded: false,
  };
}

function tlsFromEnvironment(): TlsSettings | undefined {
  const certificate = pemFile('temporalTlsCert');
  const key = pemFile('temporalTlsKey');
  const authority = pemFile('temporalTlsCa');
  const serverName = variable('temporalTlsServerName');
  if ((certificate === undefined) !== (key === undefined)) {
    const [set, missing] =
      certificate === undefined ? (['Key', 'Cert'] as const) : (['Cert', 'Key'] as const);
    throw new ModalmixError(
      'config',
      `${ENVIRONMENT[`temporalTls${set}`]} is set, ${ENVIRONMENT[`temporalTls${missing}`]} is not`,
      { where: ENVIRONMENT[`temporalTls${missing}`], fix: 'A client certificate needs both, or neither.' },
    );
  }
  if (certificate === undefined && authority === undefined && serverName === undefined) return undefined;
  return {
    ...(certificate === undefined || key === undefined ? {} : { clientCertPair: { crt: certificate, key } }),
    ...(authority === undefined ? {} : { serverRootCACertificate: authority }),
    ...(serverName === undefined ? {} : { serverNameOverride: serverName }),
  };
}

function pemFile(name: 'temporalTlsCert' | 'temporalTlsKey' | 'temporalTlsCa'): Buffer | undefined {
  const path = variable(name);
  if (path === undefined) return undefined;
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new ModalmixError('config', `the file ${path} cannot be read`, {
      where: ENVIRONMENT[name],
      fix: 'Name a PEM file that this user can read.',
      cause,
    });
  }
  if (bytes.includes('-----BEGIN ')) return bytes;
  throw new ModalmixError('config', `the file ${path} is not in PEM format`, {
    where: ENVIRONMENT[name],
    fix: 'Name a file that holds "-----BEGIN …-----".',
  });
}

function variable(name: keyof typeof ENVIRONMENT): string | undefined {
  const value = process.env[ENVIRONMENT[name]]?.trim();
  return value === '' ? undefined : value;
}
