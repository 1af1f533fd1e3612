/**
 * espeak-ng as WebAssembly, with its voices, from the npm package `@echogarden/espeak-ng-emscripten` (GPL-3.0-or-later,
 * as espeak-ng is): in the process that makes the demo's clips, and in no other.
 */
import { ModalmixError } from '../../../../schemas/errors.ts';

const PACKAGE = '@echogarden/espeak-ng-emscripten';
const SAMPLE_BYTES = 2;
const HEADER_BYTES = 44;

/** What is used of the package, which brings no types. */
interface EspeakWorker {
  /** 0: there is such a voice */
  set_voice(id: string): number;
  /** Words a minute. */
  set_rate(rate: number): void;
  /** 0 to 99. */
  set_pitch(pitch: number): void;
  /** Calls back with parts of the sound, at last with none; true stops it. */
  synthesize(text: string, take: (part: Int16Array | null) => boolean): void;
  get_samplerate(): number;
}
interface EspeakModule {
  readonly eSpeakNGWorker: new () => EspeakWorker;
  /** Its memory; another view of it when that has grown. */
  readonly HEAPU8: Uint8Array;
}
interface Espeak {
  readonly worker: EspeakWorker;
  /** Forgets all that was said: the noise in a voice goes on from word to word, and a word must not depend on others. */
  readonly reset: () => void;
}

export interface EspeakWord {
  /** Of espeak-ng's `-v`: language and variant. */
  readonly voice: string;
  readonly text: string;
  readonly wordsPerMinute: number;
  /** 0 to 99; 50 is the voice's own. */
  readonly intonation: number;
}

let loading: Promise<Espeak> | undefined;

/**
 * @returns a WAV file: mono, 16-bit PCM; the same bytes on every machine
 * @throws ModalmixError `dependency` when it cannot
 */
export async function speakByPackagedEspeak(word: EspeakWord): Promise<Buffer> {
  const { voice, text, wordsPerMinute, intonation } = word;
  try {
    loading ??= load();
    const { worker, reset } = await loading;
    reset();
    if (worker.set_voice(voice) !== 0) throw new Error(`it has no voice ${voice}`);
    worker.set_rate(wordsPerMinute);
    worker.set_pitch(intonation);
    const parts: Int16Array[] = [];
    worker.synthesize(text, (part) => {
      // What it is given lies in memory that is used again.
      if (part !== null) parts.push(part.slice());
      return false;
    });
    return wavFile(parts, worker.get_samplerate());
  } catch (cause) {
    throw new ModalmixError('dependency', `espeak-ng could not say "${text}"`, {
      where: `voice ${voice}, package ${PACKAGE}`,
      fix: 'Run "npm run setup", or set dataset.speech to another one.',
      cause,
    });
  }
}

async function load(): Promise<Espeak> {
  const { default: start } = (await import(PACKAGE)) as { default: () => Promise<EspeakModule> };
  const module = await start();
  const worker = withoutTime(() => new module.eSpeakNGWorker());
  const untouched = module.HEAPU8.slice();
  return {
    worker,
    reset: () => {
      module.HEAPU8.set(untouched);
    },
  };
}

/** espeak-ng sows its random numbers, the breath in some voices, with the time: it is always the same one here. */
function withoutTime<T>(action: () => T): T {
  const now = Date.now;
  Date.now = () => 0;
  try {
    return action();
  } finally {
    Date.now = now;
  }
}

function wavFile(parts: readonly Int16Array[], sampleRateHz: number): Buffer {
  const bytes = SAMPLE_BYTES * parts.reduce((sum, part) => sum + part.length, 0);
  const header = Buffer.alloc(HEADER_BYTES);
  header.write('RIFF', 0);
  header.writeUInt32LE(HEADER_BYTES - 8 + bytes, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(sampleRateHz, 24);
  header.writeUInt32LE(SAMPLE_BYTES * sampleRateHz, 28);
  header.writeUInt16LE(SAMPLE_BYTES, 32);
  header.writeUInt16LE(8 * SAMPLE_BYTES, 34);
  header.write('data', 36);
  header.writeUInt32LE(bytes, 40);
  return Buffer.concat([
    header,
    ...parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength)),
  ]);
}
