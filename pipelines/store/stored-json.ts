/**
 * JSON files of the store, read against their schema; a damaged one, or one that a newer release wrote, is told by its path,
 * never by a stack trace.
 */
import { z } from 'zod';
import { inTodaysWords } from '../../schemas/earlier-forms.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import {
  kindOfSchema,
  NewerVersionError,
  requireKnown,
  unknownFields,
  versionOf,
} from '../../schemas/versions.ts';
import type { Store } from './store.ts';

/** What to do about a file that cannot be read. */
export type Remedy = 'remake' | 'restart' | 'restore';

const FIXES: Readonly<Record<Remedy, string>> = {
  remake:
    'It was written by another release of Modalmix, or damaged. Delete it and run again; it is made anew.',
  restart: 'It was written by another release of Modalmix, or damaged. Start it again from its config file.',
  restore: 'It was written by another release of Modalmix, or damaged. Restore it from a copy.',
};

/**
 * @param remedy default: `restore`
 * @throws ModalmixError `input` when nothing is stored there, or it does not fit its schema
 */
export async function getStored<T>(
  store: Store,
  path: string,
  schema: z.ZodType<T>,
  remedy?: Remedy,
): Promise<T> {
  return parseStored(await store.get(path), schema, `${store.uri}/${path}`, remedy);
}

/**
 * Undefined when nothing is stored there.
 *
 * @throws ModalmixError `input` when it does not fit its schema
 */
export async function findStored<T>(
  store: Store,
  path: string,
  schema: z.ZodType<T>,
  remedy?: Remedy,
): Promise<T | undefined> {
  const bytes = await store.find(path);
  return bytes === undefined ? undefined : parseStored(bytes, schema, `${store.uri}/${path}`, remedy);
}

/**
 * A file of one JSON value a line; empty lines are passed over.
 *
 * @throws ModalmixError `input` when nothing is stored there, or a line does not fit the schema: it names the line
 */
export async function getStoredLines<T>(
  store: Store,
  path: string,
  schema: z.ZodType<T>,
  remedy?: Remedy,
): Promise<T[]> {
  return parseStoredLines(await store.get(path), schema, `${store.uri}/${path}`, remedy);
}

/**
 * A JSON text a line; empty lines are none.
 * @throws ModalmixError as `parseStored`, naming the line
 */
export function parseStoredLines<T>(
  bytes: Buffer,
  schema: z.ZodType<T>,
  where: string,
  remedy?: Remedy,
): T[] {
  const lines = bytes.toString('utf8').split('\n');
  return lines.flatMap((line, index) =>
    line === ''
      ? []
      : [parseStored(Buffer.from(line), schema, `${where}, line ${String(index + 1)}`, remedy)],
  );
}

/**
 * @throws ModalmixError `input` when the bytes are not JSON that fits the schema; NewerVersionError when a newer release
 *   wrote them
 */
export function parseStored<T>(
  bytes: Buffer,
  schema: z.ZodType<T>,
  where: string,
  remedy: Remedy = 'restore',
): T {
  let content: unknown;
  try {
    content = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    const problem = bytes.length === 0 ? 'it is empty' : 'it is not JSON';
    throw unreadable(where, problem, remedy, cause);
  }
  try {
    return checked(content, schema, where, remedy);
  } catch (error) {
    if (error instanceof RangeError) throw unreadable(where, 'it is nested too deeply', remedy, error);
    throw error;
  }
}

function checked<T>(content: unknown, schema: z.ZodType<T>, where: string, remedy: Remedy): T {
  const kind = kindOfSchema(schema);
  if (kind !== undefined) requireKnown(kind, versionOf(content), where);
  const parsed = schema.safeParse(inTodaysWords(kind, content));
  if (parsed.success) return parsed.data;
  const fields = unknownFields(parsed.error.issues);
  if (fields !== undefined) {
    const unknown = `it has fields that this one does not know (${fields.join(', ')})`;
    throw new NewerVersionError(unknown, where, parsed.error);
  }
  throw unreadable(where, z.prettifyError(parsed.error), remedy, parsed.error);
}

function unreadable(where: string, problem: string, remedy: Remedy, cause: unknown): ModalmixError {
  return new ModalmixError('input', `the file cannot be read: ${problem}`, {
    where,
    fix: FIXES[remedy],
    cause,
  });
}
