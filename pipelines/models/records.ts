/**
 * The registry's files: folders of records `<number>.json`, from 1, each created once and never written over, so
 * that of several writers of one number exactly one succeeds.
 */
import { basename } from 'node:path/posix';
import type { z } from 'zod';
import type { Store } from '../store/store.ts';
import { getStored } from '../store/stored-json.ts';

/** Every record of a folder, by rising number; other files in it are not looked at. */
export async function listRecords<T>(store: Store, folder: string, schema: z.ZodType<T>): Promise<T[]> {
  const numbers = await numbersOf(store, folder);
  return await Promise.all(
    numbers.map(async (number) => await getStored(store, `${folder}/${String(number)}.json`, schema)),
  );
}

/** The last records of a folder, by rising number, and how many there are. */
export async function newestRecords<T>(
  store: Store,
  folder: string,
  schema: z.ZodType<T>,
  most: number,
): Promise<{ readonly all: number; readonly records: readonly T[] }> {
  const numbers = await numbersOf(store, folder);
  const records = numbers
    .slice(-most)
    .map(async (number) => await getStored(store, `${folder}/${String(number)}.json`, schema));
  return { all: numbers.length, records: await Promise.all(records) };
}

/** The highest number of a folder's records; undefined where there is none. */
export async function newestNumber(store: Store, folder: string): Promise<number | undefined> {
  return (await numbersOf(store, folder)).at(-1);
}

async function numbersOf(store: Store, folder: string): Promise<number[]> {
  return (await store.list(folder))
    .map((path) => /^(\d+)\.json$/u.exec(basename(path))?.[1])
    .filter((number) => number !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

/** @returns false when the record's place is taken */
export async function createRecord(store: Store, path: string, record: unknown): Promise<boolean> {
  return await store.create(path, recordText(record));
}

export function recordText(record: unknown): string {
  return `${JSON.stringify(record, undefined, 2)}\n`;
}
