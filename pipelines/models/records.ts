/**
 * The registry's files: folders of records `<number>.json`, from 1, each created once and never written over, so
 * that of several writers of one number exactly one succeeds.
 */
import { basename } from 'node:path/posix';
import { z } from 'zod';
import { ModalmixError } from '../../schemas/errors.ts';
import type { Store } from '../store/store.ts';

/** Every record of a folder, by rising number; other files in it are not looked at. */
export async function listRecords<T>(store: Store, folder: string, schema: z.ZodType<T>): Promise<T[]> {
  const numbers = (await store.list(folder))
    .map((path) => /^(\d+)\.json$/u.exec(basename(path))?.[1])
    .filter((number) => number !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
  return await Promise.all(
    numbers.map(async (number) => {
      const path = `${folder}/${String(number)}.json`;
      return parseRecord(await store.get(path), schema, path);
    }),
  );
}

/**
 * A JSON file of the store, parsed; undefined when there is none.
 *
 * @throws ModalmixError `input` when it does not fit its schema
 */
export async function findRecord<T>(
  store: Store,
  path: string,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  const bytes = await store.find(path);
  return bytes === undefined ? undefined : parseRecord(bytes, schema, path);
}

/** @returns false when the record's place is taken */
export async function createRecord(store: Store, path: string, record: unknown): Promise<boolean> {
  return await store.create(path, recordText(record));
}

export function recordText(record: unknown): string {
  return `${JSON.stringify(record, undefined, 2)}\n`;
}

/** @throws ModalmixError `input` when the bytes are not such a record */
function parseRecord<T>(bytes: Buffer, schema: z.ZodType<T>, path: string): T {
  let content: unknown;
  try {
    content = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw unreadable(path, 'it is not JSON', cause);
  }
  const parsed = schema.safeParse(content);
  if (!parsed.success) throw unreadable(path, z.prettifyError(parsed.error), parsed.error);
  return parsed.data;
}

function unreadable(path: string, problem: string, cause: unknown): ModalmixError {
  return new ModalmixError('input', `the record cannot be read: ${problem}`, {
    where: path,
    fix: 'It was written by another version, or damaged. Restore it from a copy.',
    cause,
  });
}
