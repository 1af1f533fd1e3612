// @ts-check
/**
 * Set-up's first part, which runs when nothing is installed yet: Node's version, then the npm packages as
 * package-lock.json has them; then the rest, in `main.ts`.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = [20, 19];
const LOCK_POLL_MS = 250;
const LOCK_TIMEOUT_MS = 15 * 60_000;

const root = fileURLToPath(new URL('../..', import.meta.url));
const lockfile = join(root, 'package-lock.json');
const modules = join(root, 'node_modules');
const stamp = join(modules, '.modalmix-packages');

const startedAt = performance.now();
requireNode();
if (packagesAreInstalled()) {
  report('ok', `Node ${process.version}, npm packages`, startedAt);
} else {
  installPackages();
}
const { register } = await import('tsx/esm/api');
register();
/** @type {typeof import('./main.ts')} */
const { main } = await import('./main.ts');
process.exitCode = await main(process.argv.slice(2));
report(process.exitCode === 0 ? 'ok' : 'FAILED', 'set-up', startedAt);

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  console.error(
    `Modalmix needs Node ${OLDEST_NODE.join('.')} or newer (20, 22 and 24 are tested); this is ${process.version}.\n` +
      "  → Install a newer Node (nodejs.org, nvm, or your system's packages), then try again.",
  );
  process.exit(1);
}

function packagesAreInstalled() {
  const wanted = createHash('sha256').update(readFileSync(lockfile)).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return true;
  if (!installedByHand()) return false;
  writeFileSync(stamp, wanted);
  return true;
}

/** Whether npm's own record of what it installed agrees with the lock file. */
function installedByHand() {
  const record = join(modules, '.package-lock.json');
  if (!existsSync(record)) return false;
  const installed = packagesIn(record);
  return Object.entries(packagesIn(lockfile)).every(([path, entry]) => {
    if (path === '' || (entry.optional === true && installed[path] === undefined)) return true;
    return installed[path]?.version === entry.version && installed[path]?.integrity === entry.integrity;
  });
}

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean }} LockedPackage
 * @param {string} path of a lock file
 * @returns {Record<string, LockedPackage>}
 */
function packagesIn(path) {
  /** @type {unknown} */
  const content = JSON.parse(readFileSync(path, 'utf8'));
  return /** @type {{ packages: Record<string, LockedPackage> }} */ (content).packages;
}

function installPackages() {
  const begin = performance.now();
  const release = takeLock();
  try {
    if (packagesAreInstalled()) return;
    console.log('..    npm packages: npm ci');
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    const { status, error } = spawnSync(npm, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    if (status !== 0) {
      console.error(
        `\nSet-up stopped: npm ci failed${error === undefined ? '' : ` (${error.message})`}.\n` +
          '  → Check the network and "npm config list", then try again.',
      );
      release();
      process.exit(1);
    }
    writeFileSync(stamp, createHash('sha256').update(readFileSync(lockfile)).digest('hex'));
    report('ok', `Node ${process.version}, npm packages`, begin);
  } finally {
    release();
  }
}

/** Two set-ups in one checkout would remove each other's packages. */
function takeLock() {
  const key = createHash('sha256').update(root).digest('hex').slice(0, 16);
  const path = join(tmpdir(), `modalmix-setup-${key}.lock`);
  const deadline = Date.now() + LOCK_TIMEOUT_MS;
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    if (!holderIsAlive(path)) rmSync(path, { force: true });
    else if (Date.now() > deadline) throw new Error(`another set-up holds ${path}`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_POLL_MS);
  }
}

/** @param {string} path */
function holderIsAlive(path) {
  try {
    process.kill(Number(readFileSync(path, 'utf8')), 0);
    return true;
  } catch (error) {
    // Another user's process is alive too.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/**
 * @param {string} word
 * @param {string} what
 * @param {number} since
 */
function report(word, what, since) {
  const ms = performance.now() - since;
  console.log(
    `${word.padEnd(5)} ${what}  [${ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`}]`,
  );
}
