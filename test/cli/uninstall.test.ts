import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { uninstall } from '../../cli/commands/uninstall.ts';

describe('modalmix uninstall', () => {
  let root: string;
  let cache: string;
  let written: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'modalmix-uninstall-'));
    cache = join(root, 'cache');
    mkdirSync(join(cache, 'program', 'bin'), { recursive: true });
    writeFileSync(join(cache, 'program', 'bin', 'it'), Buffer.alloc(2_000_000));
    mkdirSync(join(root, 'mine'));
    writeFileSync(join(root, 'mine', 'clip.mp4'), Buffer.alloc(9_000_000));
    symlinkSync(join(root, 'mine'), join(cache, 'link'));
    written = '';
    vi.stubEnv('MODALMIX_CACHE', cache);
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      written += String(text);
      return true;
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    rmSync(root, { recursive: true, force: true });
  });

  test('says what it would remove and how large that is, and removes nothing unasked', async () => {
    expect(await uninstall({ json: true }, [cache])).toBe(false);
    const said = JSON.parse(written) as { removed: boolean; bytes: number; leftovers: { path: string }[] };
    expect(said.removed).toBe(false);
    expect(said.bytes).toBeGreaterThanOrEqual(2_000_000);
    // What a link leads to is not ours.
    expect(said.bytes).toBeLessThan(2_100_000);
    expect(said.leftovers.map(({ path }) => path)).toEqual([join(cache, 'link'), join(cache, 'program')]);
    expect(existsSync(join(cache, 'program', 'bin', 'it'))).toBe(true);
  });

  test('removes the cache with --yes, and nothing that a link in it leads to', async () => {
    expect(await uninstall({ yes: true }, [cache, join(root, 'never-made')])).toBe(true);
    expect(written).toMatch(/^2 MB removed\./u);
    expect(existsSync(join(cache, 'program'))).toBe(false);
    expect(existsSync(join(root, 'mine', 'clip.mp4'))).toBe(true);
    written = '';
    expect(await uninstall({ yes: true }, [cache])).toBe(false);
    expect(written).toBe('Set-up has left nothing behind.\n');
  });
});
