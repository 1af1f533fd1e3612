import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { signedHeaders, signingKeys } from '../../../pipelines/tracking/webhooks/sign.ts';
import { testPython } from '../../reference/python.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr';
const BODY = '{"version":1,"data":{"name":"Größe"}}';

/** The indented block of the page that begins so. */
async function example(begin: string): Promise<string> {
  const page = await readFile(new URL('../../../docs/tracking.md', import.meta.url), 'utf8');
  const from = page.slice(page.indexOf(`    ${begin}`));
  const lines = from.split('\n');
  const end = lines.findIndex((line) => line !== '' && !line.startsWith('    '));
  return lines
    .slice(0, end)
    .map((line) => line.slice(4))
    .join('\n');
}

const given = (changed: object = {}) => ({
  ...signedHeaders(signingKeys(`another-secret-of-24-bytes-or-more ${SECRET}`), 'msg-1', Date.now(), BODY),
  ...changed,
});
const forged = () => given({ 'webhook-id': 'msg-2' });
const old = () => ({ ...signedHeaders(signingKeys(SECRET), 'msg-1', Date.now() - 3_600_000, BODY) });

it("takes what Modalmix signs, and nothing else: the page's Python", async () => {
  const code = `${await example('import base64')}
import json, sys
secret, body, cases = json.load(sys.stdin)
print(json.dumps([verified(secret, headers, body.encode()) for headers in cases]))`;
  const input = JSON.stringify([SECRET, BODY, [given(), forged(), old()]]);
  const { stdout, stderr } = spawnSync(testPython(), ['-c', code], { input, encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual([true, false, false]);
});

it("takes what Modalmix signs, and nothing else: the page's Node", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'modalmix-verify-'));
  try {
    const file = join(folder, 'verified.mjs');
    await writeFile(file, await example('import { createHmac'));
    const { verified } = (await import(pathToFileURL(file).href)) as {
      verified: (secret: string, headers: object, body: string) => boolean;
    };
    expect([given(), forged(), old()].map((headers) => verified(SECRET, headers, BODY))).toEqual([
      ...[true, false, false],
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
