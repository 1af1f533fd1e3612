/**
 * Set-up in an installed package: the first command that needs its parts puts them in place and says so; `modalmix setup`
 * does it by itself.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ENVIRONMENT } from '../../schemas/names.ts';
import { EXIT_CODES } from '../../schemas/errors.ts';
import { cacheFolder, PROJECT_FOLDER } from '../folders.ts';
import { modalmixVersion } from '../package-version.ts';
import { readStateFile, writeStateFile } from '../state-file.ts';

const PURPOSES = ['run', 'stream'] as const;
export type Purpose = (typeof PURPOSES)[number];

/** Ask for nothing, look at what there is, or set it up themselves. */
const WITHOUT = ['setup', 'doctor', 'help', 'recipe', 'completion', 'uninstall'];
/** Of what a set-up was for: another Node wants addons of its own, and a cache may be removed. */
const doneSchema = z.record(z.string(), z.string());

/** @returns what the command needs, undefined: nothing */
export function purposeOf(words: readonly string[]): Purpose | undefined {
  const [command] = words;
  const asksOnly = words.some((word) => ['--help', '-h', '--version', '-V'].includes(word));
  if (command === undefined || asksOnly || WITHOUT.includes(command)) return undefined;
  const streams = ['stream', 'infra'].includes(command) || words.includes('--stream');
  return streams || words.includes('--from-stream') ? 'stream' : 'run';
}

/**
 * Puts in place what the command needs, when that was not done before; words go to the standard error.
 *
 * @param words of the command
 * @returns an exit code: 0, or that of the set-up
 */
export async function setUpFor(words: readonly string[]): Promise<number> {
  const purpose = purposeOf(words);
  if (purpose === undefined || isSetUp(purpose)) return EXIT_CODES.ok;
  process.stderr.write('Setting up, once: what is missing is fetched and compiled.\n');
  return await setUp([`--for=${purpose}`], (line) => process.stderr.write(`${line}\n`));
}

/** Whether set-up was through, with this version, this Node and this engine. */
export function isSetUp(purpose: Purpose): boolean {
  const done = readStateFile(stateFile(), doneSchema) ?? {};
  return existsSync(cacheFolder()) && (done[purpose] === situation() || done['stream'] === situation());
}

/** @param argv as of `main.ts` */
export async function setUp(argv: readonly string[], say?: (line: string) => void): Promise<number> {
  const { main } = await import('./main.ts');
  const exitCode = await main(argv, say);
  const purpose = PURPOSES.find((one) => argv.includes(`--for=${one}`)) ?? 'run';
  if (exitCode === EXIT_CODES.ok) {
    const done = readStateFile(stateFile(), doneSchema) ?? {};
    writeStateFile(stateFile(), { ...done, [purpose]: situation() });
  }
  return exitCode;
}

function stateFile(): string {
  return join(PROJECT_FOLDER, 'node_modules', '.cache', 'modalmix', 'set-up.json');
}

function situation(): string {
  const { platform, arch, versions } = process;
  const engine = process.env[ENVIRONMENT.engine] ?? '';
  return [modalmixVersion(), platform, arch, versions.modules, engine, cacheFolder()].join(' ');
}
