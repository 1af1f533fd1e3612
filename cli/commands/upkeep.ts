/** What `modalmix verify`, `repair`, `gc` and `migrate` do. */
import { loadConfig } from '../../pipelines/config/load-config.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { collectGarbage, findGarbage, type Garbage } from '../../pipelines/upkeep/find-garbage.ts';
import { findMigrations, migrateStore } from '../../pipelines/upkeep/migrate-store.ts';
import { repairStore } from '../../pipelines/upkeep/repair-store.ts';
import { verifyStore, type Verification } from '../../pipelines/upkeep/verify-store.ts';
import { runConfigSchema } from '../../schemas/config/config.ts';
import { EXIT_CODES, ModalmixError } from '../../schemas/errors.ts';
import type { Screen } from '../../runs/screen.ts';
import { counted } from '../text/counted.ts';
import { findingsText, garbageText, migrationsText } from '../text/upkeep-text.ts';

export interface StoreFlags {
  readonly store?: string;
  readonly config?: string;
}

export interface GcFlags extends StoreFlags {
  readonly delete?: boolean;
  readonly olderThan?: string;
}

export interface MigrateFlags extends StoreFlags {
  readonly apply?: boolean;
}

const HOUR_MS = 3_600_000;

/** @returns the exit code: 1 where something is damaged or missing */
export async function verify(flags: StoreFlags, screen: Screen): Promise<number> {
  const store = await storeOf(flags);
  return tell(await verifyStore(store), store, screen);
}

/** @returns the exit code: 1 where something is still damaged or missing */
export async function repair(flags: StoreFlags, screen: Screen): Promise<number> {
  const store = await storeOf(flags);
  const { found, left, notes } = await repairStore(store, { say: screen.say.bind(screen) });
  const mended = found.length - left.findings.length;
  if (found.length > 0) screen.say(`\n${String(mended)} of ${counted(found.length, 'file')} mended.`);
  for (const note of notes) screen.say(`Mind: ${note}`);
  screen.event('repaired', { found, notes });
  return tell(left, store, screen);
}

/**
 * @returns the exit code
 * @throws ModalmixError `config` for a wrong time; `input` where a record that names others cannot be read
 */
export async function gc(flags: GcFlags, screen: Screen): Promise<number> {
  const hours = Number(flags.olderThan ?? '24');
  if (!(hours >= 0)) {
    throw new ModalmixError('config', `"${String(flags.olderThan)}" is no number of hours`, {
      where: '--older-than',
    });
  }
  const store = await storeOf(flags);
  const options = { before: new Date(Date.now() - hours * HOUR_MS) };
  const found = await findGarbage(store, options);
  const deleted = flags.delete === true ? await collectGarbage(store, found, options) : [];
  const told: readonly Garbage[] = flags.delete === true ? deleted : found;
  screen.say(garbageText(told, store.uri, flags.delete === true));
  for (const one of told) screen.event(flags.delete === true ? 'deleted' : 'garbage', { ...one });
  return EXIT_CODES.ok;
}

/** @returns the exit code: 1 where a file cannot be read, or a newer release wrote it */
export async function migrate(flags: MigrateFlags, screen: Screen): Promise<number> {
  const store = await storeOf(flags);
  const applied = flags.apply === true;
  const found = applied ? await migrateStore(store) : await findMigrations(store);
  screen.say(migrationsText(found, store.uri, applied));
  for (const one of found.migrations) screen.event(applied ? 'migrated' : 'earlier', { ...one });
  for (const finding of found.left) screen.event('finding', { ...finding });
  return found.left.length === 0 ? EXIT_CODES.ok : EXIT_CODES.failed;
}

function tell({ findings, files, unknown }: Verification, store: Store, screen: Screen): number {
  screen.say(findingsText({ findings, files, unknown }, store.uri));
  for (const finding of findings) screen.event('finding', { ...finding });
  screen.event('verified', { store: store.uri, files, findings: findings.length, unknown: unknown.length });
  return findings.length === 0 ? EXIT_CODES.ok : EXIT_CODES.failed;
}

async function storeOf({ store, config }: StoreFlags): Promise<Store> {
  if (store !== undefined) return openStore(store);
  if (config !== undefined) return openStore((await loadConfig(config)).store);
  return openStore(runConfigSchema.shape.store.parse(undefined));
}
