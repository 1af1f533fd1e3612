/** What was told of a model's answers: numbered records, created once. */
import { answerWindowSchema, type AnswerWindow } from '../../schemas/answer-window.ts';
import { storePaths } from '../../schemas/names.ts';
import type { Store } from '../store/store.ts';
import { createRecord, listRecords, newestNumber, newestRecords } from './records.ts';

/** By rising number. */
export async function listAnswerWindows(store: Store, model: string): Promise<AnswerWindow[]> {
  return await listRecords(store, storePaths.answerWindows(model), answerWindowSchema);
}

/** The last ones, by rising number, and how many there are: a long stream has many. */
export async function newestAnswerWindows(
  store: Store,
  model: string,
  most: number,
): Promise<{ readonly all: number; readonly records: readonly AnswerWindow[] }> {
  return await newestRecords(store, storePaths.answerWindows(model), answerWindowSchema, most);
}

/** Gives it the next free number: workers tell of their windows at the same time. */
export async function addAnswerWindow(
  store: Store,
  window: Omit<AnswerWindow, 'formatVersion' | 'number'>,
): Promise<AnswerWindow> {
  for (;;) {
    const number = ((await newestNumber(store, storePaths.answerWindows(window.model))) ?? 0) + 1;
    const numbered = answerWindowSchema.parse({ formatVersion: 1, number, ...window });
    if (await createRecord(store, storePaths.answerWindow(window.model, number), numbered)) return numbered;
  }
}
