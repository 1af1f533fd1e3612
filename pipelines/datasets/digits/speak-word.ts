/** Words spoken by espeak-ng, and whether it can speak them here. */
import { readFile } from 'node:fs/promises';
import { execa, ExecaError } from 'execa';
import { ModalmixError } from '../../../schemas/errors.ts';
import { ESPEAK_VARIANTS, type EspeakVoice } from './voices.ts';

export const ESPEAK_PROGRAM = 'espeak-ng';
export const ESPEAK_PACKAGE = 'espeak-ng';

/** A word takes milliseconds; longer means that it hangs. */
const WORD_TIMEOUT_MS = 30_000;
/** Words a minute at tempo 1: espeak-ng's own default is 175, made for sentences. */
const WORDS_PER_MINUTE = 160;
/** What is this far below the word's peak before its beginning and after its end, is no part of it. */
const SILENCE_SHARE = 0.01;

export interface SpokenWord {
  readonly file: string;
  readonly sampleRateHz: number;
  /** Of the word in the file, without the silence around it. */
  readonly startS: number;
  readonly endS: number;
  /** Of the word, full scale is 1. */
  readonly rms: number;
}

/** Why espeak-ng cannot speak the digits here, as a sentence without its full stop; undefined when it can. */
export async function espeakProblem(): Promise<string | undefined> {
  const asked = await execa(ESPEAK_PROGRAM, ['--voices=variant'], {
    reject: false,
    stdin: 'ignore',
    timeout: WORD_TIMEOUT_MS,
  });
  if (asked.failed) return `${ESPEAK_PROGRAM} is not installed`;
  const there = new Set([...asked.stdout.matchAll(/!v\/(\S+)/gu)].map(([, name]) => name));
  const missing = ESPEAK_VARIANTS.filter((name) => !there.has(name));
  return missing.length === 0 ? undefined : `${ESPEAK_PROGRAM} lacks the voices ${missing.join(', ')}`;
}

/** For espeak-ng's `-s`. @param tempo factor of the speaking rate */
export function wordsPerMinute(tempo: number): number {
  return Math.round(WORDS_PER_MINUTE * tempo);
}

export interface HowToSpeak {
  /** Factor of the speaking rate. */
  readonly tempo: number;
  /** espeak-ng's, 0 to 99; 50 is the voice's own. */
  readonly intonation: number;
  readonly signal?: AbortSignal;
}

/**
 * Speaks a word into a WAV file.
 * @throws ModalmixError `dependency` when espeak-ng cannot
 */
export async function speakWord(
  voice: EspeakVoice,
  word: string,
  file: string,
  { tempo, intonation, signal }: HowToSpeak,
): Promise<SpokenWord> {
  const args = [
    '-v',
    voice.id,
    '-s',
    String(wordsPerMinute(tempo)),
    '-p',
    String(intonation),
    '-w',
    file,
    word,
  ];
  try {
    await execa(ESPEAK_PROGRAM, args, {
      ...{ stdin: 'ignore', stdout: 'ignore', timeout: WORD_TIMEOUT_MS },
      ...(signal === undefined ? {} : { cancelSignal: signal }),
    });
  } catch (error) {
    if (!(error instanceof ExecaError) || error.isCanceled) throw error;
    throw new ModalmixError('dependency', `espeak-ng could not say "${word}": ${error.shortMessage}`, {
      where: `voice ${voice.id}`,
      fix: `Reinstall it (Debian, Ubuntu: apt-get install ${ESPEAK_PACKAGE}), or set dataset.speech to flite.`,
      cause: error,
    });
  }
  return { file, ...measureWord(await readFile(file), file) };
}

/** Rate, level and ends of the word in a mono 16-bit PCM file. @throws ModalmixError `dependency`: no such file */
export function measureWord(bytes: Buffer, file: string): Omit<SpokenWord, 'file'> {
  const HEADER_BYTES = 44;
  const plain =
    bytes.length > HEADER_BYTES &&
    bytes.toString('latin1', 0, 4) === 'RIFF' &&
    bytes.readUInt16LE(22) === 1 &&
    bytes.readUInt16LE(34) === 16;
  const sampleRateHz = plain ? bytes.readUInt32LE(24) : 0;
  const count = plain ? Math.floor((bytes.length - HEADER_BYTES) / 2) : 0;
  const samples = Array.from({ length: count }, (_, i) => bytes.readInt16LE(HEADER_BYTES + 2 * i) / 32_768);
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  if (peak === 0) {
    throw new ModalmixError('dependency', 'espeak-ng wrote no sound', {
      where: file,
      fix: 'Reinstall espeak-ng, or set dataset.speech to flite.',
    });
  }
  const audible = (sample: number) => Math.abs(sample) > SILENCE_SHARE * peak;
  const first = samples.findIndex(audible);
  const end = samples.findLastIndex(audible) + 1;
  const power = samples.slice(first, end).reduce((sum, sample) => sum + sample ** 2, 0) / (end - first);
  return { sampleRateHz, startS: first / sampleRateHz, endS: end / sampleRateHz, rms: Math.sqrt(power) };
}
