/** Who the page answers: asked by raw HTTP, as a stranger's page or program would. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { allowedHosts } from '../../ui/server/security/hosts.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import { probeUi, type UiProbe } from './support.ts';

let folder: string;
let probe: UiProbe;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-ui-access-'));
  process.env[ENVIRONMENT.home] = join(folder, 'home');
  probe = await probeUi({ storeUri: `file:${join(folder, 'store')}` });
});
afterAll(async () => {
  await probe.ui.close();
  await rm(folder, { recursive: true, force: true });
});

const PATHS = ['/', '/client/main.js', '/api/stores', '/api/events?topic=runs:', '/api/runs/x'];

describe('the token', () => {
  it.each(PATHS)('without it, %s is refused', async (path) => {
    const answer = await probe.raw(path);
    expect(answer.status).toBe(401);
    expect(answer.json).toEqual({ error: { message: expect.stringContaining('modalmix ui') as string } });
  });

  it('is not guessed, and another session is none', async () => {
    expect((await probe.raw('/?token=guess')).status).toBe(401);
    expect(
      (await probe.raw('/', { headers: { cookie: `modalmix-ui-${String(probe.ui.port)}=guess` } })).status,
    ).toBe(401);
    // The token of the address is no session, nor is it taken anywhere but at the front door.
    const { search } = new URL(probe.ui.url);
    expect((await probe.raw(`/api/stores${search}`)).status).toBe(401);
  });

  it('opens the page once: a cookie for this page alone, and an address without it', async () => {
    const { pathname, search } = new URL(probe.ui.url);
    const answer = await probe.raw(pathname + search);
    expect(answer.status).toBe(303);
    expect(answer.headers.location).toBe('/');
    expect(answer.headers['set-cookie']?.[0]).toMatch(/; Path=\/; HttpOnly; SameSite=Strict$/u);
    expect(answer.headers['set-cookie']?.[0]).not.toContain(search.slice('?token='.length));
    expect((await probe.ask('/')).text).toContain('id="page"');
  });
});

describe('names', () => {
  it.each(['evil.example', 'evil.example:80', '127.0.0.1', '127.0.0.1:1', 'localhost.evil.example'])(
    'under %s nothing is answered, whatever is known of it',
    async (host) => {
      expect((await probe.ask('/api/stores', { headers: { host } })).status).toBe(403);
      const { search } = new URL(probe.ui.url);
      expect((await probe.raw(`/${search}`, { headers: { host } })).headers['set-cookie']).toBeUndefined();
    },
  );

  it('answers under each name of loopback', async () => {
    for (const name of ['127.0.0.1', 'localhost', '[::1]']) {
      const headers = { host: `${name}:${String(probe.ui.port)}` };
      expect((await probe.ask('/api/stores', { headers })).status).toBe(200);
    }
  });

  test('with an address of the machine, that one alone', () => {
    expect([...allowedHosts('192.0.2.7', 8080)]).toEqual(['192.0.2.7:8080']);
    expect([...allowedHosts('fe80::1', 8080)]).toEqual(['[fe80::1]:8080']);
    expect(allowedHosts('0.0.0.0', 80).has('localhost')).toBe(true);
    expect(allowedHosts('0.0.0.0', 80).has('evil.example')).toBe(false);
  });
});

describe('other pages', () => {
  const target = { target: '/nowhere.yaml' };
  const refused: [string, Record<string, string>][] = [
    ['of another origin', { origin: 'http://evil.example' }],
    ['of another port', { origin: 'http://127.0.0.1:1' }],
    ['of no origin', { origin: 'null' }],
    ['of another site', { 'sec-fetch-site': 'cross-site' }],
    ['of another port, as the browser says it', { 'sec-fetch-site': 'same-site' }],
    ['without the page’s word', { 'x-modalmix-page': '' }],
    ['in plain text, as a form sends it', { 'content-type': 'text/plain' }],
  ];
  it.each(refused)('a post %s changes nothing', async (_name, headers) => {
    const answer = await probe.post('/api/runs', target, headers);
    expect(answer.status).toBe(403);
  });

  it('the page’s own post is heard', async () => {
    // It says what is wrong with the target, so it was read.
    const answer = await probe.post('/api/runs', {});
    expect(answer.status).toBe(400);
    expect(answer.json).toEqual({ error: { message: 'it does not say what to start' } });
  });

  it('reads nothing by a script, picture or player of another site', async () => {
    for (const mode of ['no-cors', 'cors', 'navigate']) {
      const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': mode };
      expect((await probe.ask('/api/stores', { headers })).status).toBe(403);
    }
  });

  it('may lead to the page, but not show it within theirs', async () => {
    const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    const answer = await probe.ask('/', { headers });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-security-policy']).toContain("frame-ancestors 'none'");
  });
});

it('lets its page load nothing from elsewhere, and nothing run but its script', async () => {
  const { headers, text } = await probe.ask('/');
  const policy = headers['content-security-policy'];
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
  expect(policy).not.toMatch(/unsafe|http|\*/u);
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
  });
  expect(text).not.toMatch(/https?:\/\//u);
  for (const name of ['main.js', 'style.css']) {
    const file = await probe.ask(`/client/${name}`);
    expect(file.status).toBe(200);
    expect(file.text.length).toBeGreaterThan(1_000);
  }
});

it('refuses a body larger than any of its own', async () => {
  const answer = await probe.post('/api/runs', { target: 'x'.repeat(100_000) });
  expect(answer.status).toBe(413);
});

it('started nothing and wrote nothing by all that', () => {
  expect(existsSync(join(folder, 'home'))).toBe(false);
  expect(existsSync(join(folder, 'store'))).toBe(false);
});
