/** Where keys come from, who can read them, and what is said where they are none. */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makePrivateFolder } from '../../../infra/folders.ts';
import { homeKey, homeKeyFile } from '../../../infra/temporal/home-key.ts';
import { keysFromEnvironment, parseKeys } from '../../../infra/temporal/keys.ts';
import { protectionOf } from '../../../infra/temporal/protection.ts';
import { nodeWithTypeScript } from '../../../infra/supervisor/supervise.ts';
import { ModalmixError } from '../../../schemas/errors.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modalmix-keys-'));
  vi.stubEnv('MODALMIX_HOME', join(folder, 'home'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
const never = () => false;

function thrown(action: () => unknown): ModalmixError {
  try {
    action();
  } catch (error) {
    if (error instanceof ModalmixError) return error;
    throw error;
  }
  throw new Error('it threw nothing');
}

describe('the key of a home', () => {
  it('is made once, random, in a folder and a file that its owner alone can read', () => {
    const { keys, since } = homeKey(never);
    expect(keys).toHaveLength(1);
    expect(keys[0]?.bytes).toHaveLength(32);
    expect(since).toBeUndefined();
    expect([modeOf(homeKeyFile()), modeOf(join(homeKeyFile(), '..')), modeOf(join(folder, 'home'))]).toEqual([
      '600',
      '700',
      '700',
    ]);
    expect(homeKey(never)).toEqual({ keys });
    vi.stubEnv('MODALMIX_HOME', join(folder, 'another'));
    expect(homeKey(never).keys[0]?.bytes).not.toEqual(keys[0]?.bytes);
  });

  it('is the same for processes that make it at once, whatever their umask', async () => {
    const { program, args } = nodeWithTypeScript();
    const module = new URL('../../../infra/temporal/home-key.ts', import.meta.url).href;
    const script = `process.umask(0); const { homeKey } = await import('${module}'); console.log(homeKey(() => false).keys[0].id);`;
    const made = async () =>
      (await execa(program, [...args, '--input-type=module', '--eval', script])).stdout.trim();
    const ids = await Promise.all([made(), made(), made()]);
    expect(new Set(ids)).toEqual(new Set([homeKey(never).keys[0]?.id]));
    expect(readdirSync(join(homeKeyFile(), '..'))).toEqual(['signing.json']);
    expect(modeOf(homeKeyFile())).toBe('600');
  });

  it('is refused where others could read it or have put it there', () => {
    homeKey(never);
    for (const [path, mode] of [
      [homeKeyFile(), 0o644],
      [homeKeyFile(), 0o620],
      [join(homeKeyFile(), '..'), 0o755],
    ] as const) {
      const before = statSync(path).mode & 0o777;
      chmodSync(path, mode);
      const error = thrown(() => homeKey(never));
      expect(error.kind).toBe('config');
      expect(error.where).toBe(path);
      expect(error.message).toContain('others than its owner');
      chmodSync(path, before);
    }
  });

  it('is refused, without a word of it, where the file is none', () => {
    homeKey(never);
    const secret = 'c2VjcmV0IHNlY3JldCBzZWNyZXQ';
    writeFileSync(homeKeyFile(), `{"version":1,"keys":["${secret}"`);
    const cut = thrown(() => homeKey(never));
    writeFileSync(homeKeyFile(), JSON.stringify({ formatVersion: 1, keys: [secret] }));
    const short = thrown(() => homeKey(never));
    for (const { kind, message, fix, cause } of [cut, short]) {
      expect(kind).toBe('config');
      expect(`${message} ${String(fix)} ${String(cause)}`).not.toContain(secret);
    }
  });

  it('of a newer release is refused as that, and not to be deleted', () => {
    homeKey(never);
    writeFileSync(homeKeyFile(), JSON.stringify({ formatVersion: 99, keys: ['x'] }));
    expect(thrown(() => homeKey(never)).message).toContain('a newer Modalmix');
  });

  it('says since when runs are signed only where some may have been begun before', () => {
    mkdirSync(join(folder, 'home', 'temporal'), { recursive: true });
    writeFileSync(join(folder, 'home', 'temporal', 'temporal.db'), '');
    const before = Date.now();
    const { since } = protectionOf({ embedded: true, namespace: 'default' });
    expect(since).toBeGreaterThanOrEqual(before);
    expect(since).toBeLessThanOrEqual(Date.now());
  });
});

it('our folders in a home that others may read are closed, also those that were open', () => {
  const open = join(folder, 'supervisor');
  mkdirSync(open);
  chmodSync(open, 0o755);
  for (const path of [open, join(folder, 'temporal')]) {
    makePrivateFolder(path);
    expect(modeOf(path)).toBe('700');
  }
});

describe('keys of the environment', () => {
  const [older, newer] = [randomBytes(32), randomBytes(32)];

  it('are read in base64 and hex, the newest first', () => {
    const text = `${newer.toString('base64')},\n ${older.toString('hex')}`;
    expect(parseKeys(text, 'x').map(({ bytes }) => bytes)).toEqual([newer, older]);
    vi.stubEnv('MODALMIX_SIGNING_KEYS', text);
    expect(protectionOf({ embedded: false, namespace: 'n' }).signing?.()).toHaveLength(2);
    expect(existsSync(join(folder, 'home'))).toBe(false);
  });

  it('are none where nothing is set, and the embedded server’s are the home’s own', () => {
    expect(protectionOf({ embedded: false, namespace: 'n' })).toEqual({ namespace: 'n' });
    vi.stubEnv('MODALMIX_SIGNING_KEYS', newer.toString('base64'));
    expect(protectionOf({ embedded: true, namespace: 'default' }).signing?.()).toEqual(homeKey(never).keys);
  });

  it('are told without being shown where they are none', () => {
    const short = randomBytes(31).toString('base64');
    for (const text of [short, `${newer.toString('base64')} ${short}`, 'password']) {
      const error = thrown(() => parseKeys(text, 'MODALMIX_CODEC_KEYS'));
      expect(error.message).toContain('is not 32 bytes');
      expect(error.message).not.toContain(text.split(' ').at(-1));
      expect(error.where).toBe('MODALMIX_CODEC_KEYS');
    }
    vi.stubEnv('MODALMIX_CODEC_KEYS_FILE', join(folder, 'none'));
    expect(thrown(() => keysFromEnvironment(['codecKeys', 'codecKeysFile'])).message).toContain(
      'cannot be read',
    );
  });

  it('of a file are read again when it changes, and stay while it is half written', () => {
    const file = join(folder, 'codec.keys');
    writeFileSync(file, older.toString('base64'));
    vi.stubEnv('MODALMIX_CODEC_KEYS_FILE', file);
    const now = vi.spyOn(performance, 'now');
    let ms = performance.now();
    now.mockImplementation(() => (ms += 2_000));
    const keys = keysFromEnvironment(['codecKeys', 'codecKeysFile'])!;
    expect(keys().map(({ bytes }) => bytes)).toEqual([older]);
    writeFileSync(file, newer.toString('base64').slice(0, 20));
    expect(keys().map(({ bytes }) => bytes)).toEqual([older]);
    writeFileSync(file, `${newer.toString('base64')}\n${older.toString('base64')}\n`);
    utimesSync(file, 1, 1);
    expect(keys().map(({ bytes }) => bytes)).toEqual([newer, older]);
    rmSync(file);
    expect(keys().map(({ bytes }) => bytes)).toEqual([newer, older]);
    now.mockRestore();
  });
});
