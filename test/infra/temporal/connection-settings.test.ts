import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { endpointFromEnvironment } from '../../../infra/temporal/connection-settings.ts';
import { ensureTemporal } from '../../../infra/temporal/ensure-temporal.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

describe('the Temporal server that the environment names', () => {
  let folder: string;
  const file = (name: string, content: string) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'modalmix-pem-'));
    vi.stubEnv('TEMPORAL_ADDRESS', 'temporal.example.org:7233');
  });

  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });

  test('is used instead of the embedded one', async () => {
    vi.stubEnv('TEMPORAL_NAMESPACE', 'media');
    expect(await ensureTemporal()).toEqual({
      address: 'temporal.example.org:7233',
      namespace: 'media',
      connection: { address: 'temporal.example.org:7233' },
      embedded: false,
    });
  });

  test('is reached with TLS when there is an API key', () => {
    vi.stubEnv('TEMPORAL_API_KEY', 'a key');
    expect(endpointFromEnvironment()?.connection).toEqual({
      address: 'temporal.example.org:7233',
      tls: true,
      apiKey: 'a key',
    });
  });

  test('gets the client certificate, the authority and the name to check', () => {
    vi.stubEnv('TEMPORAL_TLS_CLIENT_CERT_PATH', file('client.pem', PEM));
    vi.stubEnv('TEMPORAL_TLS_CLIENT_KEY_PATH', file('client.key', PEM));
    vi.stubEnv('TEMPORAL_TLS_SERVER_CA_CERT_PATH', file('ca.pem', PEM));
    vi.stubEnv('TEMPORAL_TLS_SERVER_NAME', 'inner.example.org');
    const bytes = Buffer.from(PEM);
    expect(endpointFromEnvironment()?.connection.tls).toEqual({
      clientCertPair: { crt: bytes, key: bytes },
      serverRootCACertificate: bytes,
      serverNameOverride: 'inner.example.org',
    });
  });

  test('without a port is refused', () => {
    vi.stubEnv('TEMPORAL_ADDRESS', 'temporal.example.org');
    expect(endpointFromEnvironment).toThrow('not host:port');
  });

  test('with half a client certificate is refused, naming the missing half', () => {
    vi.stubEnv('TEMPORAL_TLS_CLIENT_CERT_PATH', file('client.pem', PEM));
    expect(endpointFromEnvironment).toThrow('TEMPORAL_TLS_CLIENT_KEY_PATH is not');
  });

  test('with a certificate that is not there, or is no PEM file, is refused', () => {
    vi.stubEnv('TEMPORAL_TLS_SERVER_CA_CERT_PATH', join(folder, 'absent.pem'));
    expect(endpointFromEnvironment).toThrow('cannot be read');
    vi.stubEnv('TEMPORAL_TLS_SERVER_CA_CERT_PATH', file('binary.der', 'DER'));
    expect(endpointFromEnvironment).toThrow('not in PEM format');
  });
});
