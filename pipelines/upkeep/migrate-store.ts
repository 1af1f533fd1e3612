/**
 * `modalmix migrate`: what earlier releases wrote and this one reads is written as this one writes it. Nothing changes its id,
 * its meaning or its path, but a plan of format 1. Each file is replaced in one step, the new one before the old one goes,
 * so that running work finds it at any moment, and a migration that was killed goes on when it is called again.
 */
import { isDeepStrictEqual } from 'node:util';
import { ModalmixError } from '../../schemas/errors.ts';
import { isRecord } from '../../schemas/is-record.ts';
import { streamHeadSchema, storedStreamManifestSchema } from '../../schemas/stream.ts';
import { versionOf } from '../../schemas/versions.ts';
import { manifestText, parseManifest } from '../shards/manifest/manifest-text.ts';
import { convertFormat1, findFormat1 } from '../shards/plan/plan-format-1.ts';
import type { Store } from '../store/store.ts';
import { parseStored } from '../store/stored-json.ts';
import { headOfStored } from '../streaming/sink/stream-manifest.ts';
import { STORE_FOLDERS, kindOf, type FileKind } from './file-kinds.ts';
import { findingOf, type Finding } from './read-store.ts';

export interface Migration {
  readonly path: string;
  /** For a person: what is of an earlier form. */
  readonly what: string;
}

export interface Migrations {
  /** By path. */
  readonly migrations: readonly Migration[];
  /** Files that cannot be read, or that a newer release wrote: they are left alone. */
  readonly left: readonly Finding[];
  readonly files: number;
}

interface Rewritten {
  readonly what: string;
  readonly text: string;
}

/** Stored with every field that there was; their form may be an earlier one. */
const CONFIGS = new Set(['config', 'experiment']);
const FIELDS_TOLD = 3;

/**
 * Changes nothing.
 *
 * @throws ModalmixError where the store itself cannot be read
 */
export async function findMigrations(store: Store): Promise<Migrations> {
  return await walk(store, () => Promise.resolve());
}

/** Writes what `findMigrations` finds. @throws ModalmixError where the store cannot be read or written */
export async function migrateStore(store: Store): Promise<Migrations> {
  return await walk(store, async (path, rewritten) => {
    if (rewritten === undefined) await convertFormat1(store, path);
    else await store.put(path, rewritten.text);
  });
}

async function walk(
  store: Store,
  apply: (path: string, rewritten: Rewritten | undefined) => Promise<void>,
): Promise<Migrations> {
  const paths = (await Promise.all(STORE_FOLDERS.map(async (folder) => await store.list(folder)))).flat();
  const migrations: Migration[] = [];
  const left: Finding[] = [];
  for (const path of paths) {
    const kind = kindOf(path);
    if (kind === undefined) continue;
    try {
      if (kind.name === 'plan-part') {
        if (!(await findFormat1(store, path))) continue;
        await apply(path, undefined);
        migrations.push({ path, what: 'version 1, of one file' });
        continue;
      }
      const rewritten = await rewrite(store, path, kind);
      if (rewritten === undefined) continue;
      await apply(path, rewritten);
      migrations.push({ path, what: rewritten.what });
    } catch (error) {
      if (!(error instanceof ModalmixError) || error.kind === 'transient') throw error;
      left.push(findingOf(error, path, kind.mend));
    }
  }
  return { migrations, left, files: paths.length };
}

/** @returns undefined where it is as this release writes it */
async function rewrite(store: Store, path: string, kind: FileKind): Promise<Rewritten | undefined> {
  const isConfig = CONFIGS.has(kind.name);
  if (!isConfig && kind.name !== 'manifest' && kind.name !== 'stream-manifest') return undefined;
  const bytes = await store.find(path);
  if (bytes === undefined) return undefined;
  if (kind.name === 'manifest') {
    const manifest = parseManifest(bytes, path);
    if (manifest.formatVersion === 2) return undefined;
    const text = manifestText(manifest);
    const isSigned = 'sha256' in (JSON.parse(bytes.toString('utf8')) as object);
    const what = isSigned ? 'settings in earlier words' : 'not signed';
    return text === bytes.toString('utf8') ? undefined : { what, text };
  }
  if (kind.name === 'stream-manifest') {
    const stored = parseStored(bytes, storedStreamManifestSchema, path);
    if (versionOf(stored) === streamHeadSchema.shape.formatVersion.value) return undefined;
    const text = JSON.stringify(streamHeadSchema.parse(headOfStored(stored)));
    return { what: `version ${String(versionOf(stored))}`, text };
  }
  const raw: unknown = JSON.parse(bytes.toString('utf8'));
  const content = parseStored(bytes, kind.schema!, path);
  const text = `${JSON.stringify(content, undefined, 2)}\n`;
  const fields = changed(raw, JSON.parse(text));
  if (fields.length === 0) return undefined;
  const more = fields.length - FIELDS_TOLD;
  const told = `${fields.slice(0, FIELDS_TOLD).join(', ')}${more > 0 ? ` and ${String(more)} more` : ''}`;
  return { what: `lacks or words otherwise: ${told}`, text };
}

/** Fields that are not the same in both, dotted. */
function changed(before: unknown, after: unknown, at: readonly string[] = []): string[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isRecord(before) || !isRecord(after)) return [at.join('.')];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => changed(before[name], after[name], [...at, name]));
}
