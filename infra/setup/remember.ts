/** What a program said about itself, kept until the program's file changes: asking costs more than a look. */
import { createHash } from 'node:crypto';
import { realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { cacheFolder } from '../folders.ts';
import { readStateFile, writeStateFile } from '../state-file.ts';

const answerSchema = z.object({ file: z.string(), answer: z.string() });

/**
 * @param program absolute path
 * @param question tells apart what is asked of the same program
 * @param ask gives the answer, or undefined when it is not worth keeping
 */
export async function remember(
  program: string,
  question: string,
  ask: () => Promise<string | undefined>,
): Promise<string | undefined> {
  const real = realpathSync(program);
  const { size, mtimeMs } = statSync(real);
  const file = `${real} ${size} ${mtimeMs}`;
  const key = createHash('sha256').update(`${program}\n${question}`).digest('hex').slice(0, 16);
  const path = join(cacheFolder(), 'programs', `${key}.json`);
  const kept = readStateFile(path, answerSchema);
  if (kept?.file === file) return kept.answer;
  const answer = await ask();
  if (answer !== undefined) writeStateFile(path, { file, answer });
  return answer;
}
