/**
 * Who speaks the digits, and who of them is never trained on: the test asks for new speakers, and for enough of them
 * that its accuracy is not one voice's.
 */
import type { Split } from '../../../schemas/clip.ts';

/**
 * What speaks: espeak-ng and flite together; flite alone; or both as npm packages bring them, which need no program of
 * the system (and draw with typefaces of packages, through FFmpeg's libraries of a package).
 */
export const SPEECH = ['espeak', 'flite', 'packaged'] as const;
export type Speech = (typeof SPEECH)[number];

interface VoiceBase {
  /** Of plain characters, unique: the clips' group. */
  readonly name: string;
  /** Factor of every frequency of the voice, its formants too: a speaker of another size. */
  readonly size: number;
}
export interface FliteVoice extends VoiceBase {
  readonly program: 'flite';
  /** Its name in ffmpeg's `flite` filter. */
  readonly id: string;
  readonly sampleRateHz: number;
  /** RMS of its spoken digits (mean of the ten, full scale is 1), to set all voices to one level. */
  readonly rms: number;
}
export interface EspeakVoice extends VoiceBase {
  readonly program: 'espeak';
  /** For `espeak-ng -v`: accent and variant. */
  readonly id: string;
}
export interface PackagedVoice extends VoiceBase {
  readonly program: 'packaged-espeak' | 'packaged-flite';
  /** As that program calls it. */
  readonly id: string;
}
export type Voice = FliteVoice | EspeakVoice | PackagedVoice;
export type Voices = Readonly<Record<Exclude<Split, 'validation'>, readonly Voice[]>>;

const AWB = { id: 'awb', sampleRateHz: 16_000, rms: 0.0741 } as const;
const KAL = { id: 'kal', sampleRateHz: 8_000, rms: 0.0896 } as const;
const KAL16 = { id: 'kal16', sampleRateHz: 16_000, rms: 0.0305 } as const;
const RMS = { id: 'rms', sampleRateHz: 16_000, rms: 0.0784 } as const;
const SLT = { id: 'slt', sampleRateHz: 16_000, rms: 0.1223 } as const;

/** espeak-ng's variants: speakers of their own formants and tone. Whispers and robots are not among them. */
const VARIANTS: Readonly<Record<keyof Voices, readonly string[]>> = {
  train: [
    ...[
      'adam',
      'Alex',
      'Alicia',
      'Andrea',
      'Andy',
      'Annie',
      'antonio',
      'aunty',
      'belinda',
      'benjamin',
      'boris',
    ],
    ...[
      'caleb',
      'david',
      'ed',
      'edward',
      'Gene',
      'john',
      'kaukovalta',
      'Lee',
      'Marco',
      'Mario',
      'max',
      'Michael',
    ],
    ...[
      'michel',
      'miguel',
      'Mike',
      'norbert',
      'pablo',
      'paul',
      'pedro',
      'f1',
      'f3',
      'f5',
      'm1',
      'm3',
      'm5',
      'm7',
    ],
  ],
  test: [
    ...[
      'linda',
      'steph',
      'anika',
      'f2',
      'f4',
      'quincy',
      'rob',
      'robert',
      'sandro',
      'shelby',
      'travis',
      'victor',
    ],
    ...['zac', 'm2', 'm4', 'm6'],
  ],
};
/** Every variant that is spoken with. */
export const ESPEAK_VARIANTS: readonly string[] = Object.values(VARIANTS).flat();

/** English as spoken in several places, dealt out to the variants in turn. */
const ACCENTS = [
  'en-us',
  'en-gb',
  'en-gb-scotland',
  'en-gb-x-rp',
  'en-gb-x-gbclan',
  'en-gb-x-gbcwmd',
  'en-029',
];

/** Without espeak-ng a voice shifted this much stands for a speaker more; the people stay apart all the same. */
const SIZES = [0.82, 0.88, 0.94, 1, 1.07, 1.14, 1.22] as const;

/** `kal` and `kal16` are one speaker, so they stay on one side. */
export function voicesOf(speech: Speech): Voices {
  return VOICES[speech];
}

const VOICES: Readonly<Record<Speech, Voices>> = {
  espeak: {
    train: [...[KAL, KAL16, AWB, SLT].map((voice) => fliteVoice(voice)), ...espeakVoices('train')],
    test: [fliteVoice(RMS), ...espeakVoices('test')],
  },
  flite: {
    train: [KAL, KAL16, AWB].flatMap((voice) => SIZES.map((size) => fliteVoice(voice, size))),
    test: [RMS, SLT].flatMap((voice) => SIZES.map((size) => fliteVoice(voice, size))),
  },
  packaged: {
    train: [...[KAL, KAL16, AWB, SLT].map(packagedFlite), ...espeakVoices('train').map(packagedEspeak)],
    test: [packagedFlite(RMS), ...espeakVoices('test').map(packagedEspeak)],
  },
};

function fliteVoice(voice: Omit<FliteVoice, 'name' | 'size' | 'program'>, size = 1): FliteVoice {
  const name = size === 1 ? voice.id : `${voice.id}-${String(Math.round(100 * size))}`;
  return { ...voice, program: 'flite', name, size };
}

function espeakVoices(split: keyof Voices): EspeakVoice[] {
  return VARIANTS[split].map((variant, place) => ({
    program: 'espeak',
    name: `espeak-${variant}`,
    id: `${ACCENTS[place % ACCENTS.length] ?? 'en-us'}+${variant}`,
    size: 1,
  }));
}

function packagedFlite({ id }: Pick<FliteVoice, 'id'>): PackagedVoice {
  return { program: 'packaged-flite', name: `packaged-${id}`, id, size: 1 };
}

function packagedEspeak({ name, id }: EspeakVoice): PackagedVoice {
  // That build knows British English by this name only.
  return {
    program: 'packaged-espeak',
    name: `packaged-${name}`,
    id: id.replace(/^en-gb\+/u, 'en+'),
    size: 1,
  };
}
