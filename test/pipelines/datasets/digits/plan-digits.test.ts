import { describe, expect, it } from 'vitest';
import { clipListText } from '../../../../pipelines/datasets/digits/clip-list.ts';
import {
  digitFileName,
  planDigits,
  type DigitClip,
  type DigitsConfig,
} from '../../../../pipelines/datasets/digits/plan-digits.ts';
import { renderArguments, spokenByEspeak } from '../../../../pipelines/datasets/digits/render-clip.ts';
import { FONTS } from '../../../../pipelines/datasets/digits/pools.ts';
import { SPEECH, voicesOf } from '../../../../pipelines/datasets/digits/voices.ts';
import { datasetConfigSchema } from '../../../../schemas/config/dataset-config.ts';

function digitsOf(more: object = {}): DigitsConfig {
  return datasetConfigSchema.parse({ format: 'digits', root: 'data', ...more }) as DigitsConfig;
}

const FONT_FILES = new Map([...FONTS.train, ...FONTS.test].map((name) => [name, `/fonts/${name}`]));
const WORD = { file: 'word.wav', sampleRateHz: 22_050, startS: 0.01, endS: 0.5, rms: 0.1 };
const argumentsOf = (clip: DigitClip, fonts = FONT_FILES) =>
  renderArguments(
    [{ clip, output: 'out.mp4', ...(spokenByEspeak(clip) === undefined ? {} : { word: WORD }) }],
    fonts,
  );
const graphOf = (clip: DigitClip) => {
  const args = argumentsOf(clip);
  return args[args.indexOf('-filter_complex') + 1] ?? '';
};

describe('the plan of the digits', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(clipListText(planDigits(digitsOf({ seed: 7 })))).toBe(
      clipListText(planDigits(digitsOf({ seed: 7 }))),
    );
    const labels = (seed: number) => planDigits(digitsOf({ seed })).map(({ digit }) => digit);
    expect(labels(7)).not.toEqual(labels(8));
  });

  it('has every digit equally often in both splits', () => {
    const clips = planDigits(digitsOf({ trainClips: 240, testClips: 120 }));
    for (const [split, each] of [
      ['train', 24],
      ['test', 12],
    ] as const) {
      for (let digit = 0; digit < 10; digit += 1) {
        expect(clips.filter((clip) => clip.split === split && clip.digit === digit)).toHaveLength(each);
      }
    }
  });

  it.each(SPEECH)('holds voices and fonts out of training for the test, spoken by %s', (speech) => {
    const clips = planDigits(digitsOf({ trainClips: 600, testClips: 400, speech }));
    const used = (split: string, what: 'voice' | 'font') =>
      new Set(clips.filter((clip) => clip.split === split).map((clip) => clip[what]));
    for (const what of ['voice', 'font'] as const) {
      expect([...used('train', what)].filter((name) => used('test', what).has(name))).toEqual([]);
    }
    expect(used('train', 'voice').size).toBe(voicesOf(speech).train.length);
    expect(used('test', 'voice').size).toBe(voicesOf(speech).test.length);
    expect(used('test', 'voice').size).toBeGreaterThanOrEqual(10);
    expect(used('test', 'font').size).toBe(FONTS.test.length);
  });

  it.each(SPEECH)('keeps the people behind the voices of %s apart, too', (speech) => {
    const people = (split: 'train' | 'test') =>
      new Set(voicesOf(speech)[split].map(({ id }) => id.replace(/^kal16$/u, 'kal').replace(/^.*\+/u, '')));
    expect([...people('train')].filter((name) => people('test').has(name))).toEqual([]);
  });

  it('leaves the clips there are as they are when more are asked for', () => {
    const few = planDigits(digitsOf({ trainClips: 25 })).map(digitFileName);
    const many = planDigits(digitsOf({ trainClips: 95 })).map(digitFileName);
    expect(many).toEqual(expect.arrayContaining(few));
  });

  it('changes with clarity the noise alone: labels, voices, fonts and places stay', () => {
    const looks = (clarity: number) =>
      planDigits(digitsOf({ audioClarity: clarity, videoClarity: clarity })).map(
        ({ audioSnrDb: _audio, videoSnrDb: _video, ...rest }) => rest,
      );
    expect(looks(0.3)).toEqual(looks(0.9));
  });

  it('neither speaks nor draws anything at clarity 0, and one modality without the other', () => {
    const silent = planDigits(digitsOf({ audioClarity: 0, videoClarity: 1 }));
    const blind = planDigits(digitsOf({ audioClarity: 1, videoClarity: 0 }));
    for (const clip of silent) {
      expect(graphOf(clip)).not.toMatch(/flite|:a\]/u);
      expect(graphOf(clip)).toContain(`text=${String(clip.digit)}:`);
    }
    for (const clip of blind) {
      expect(graphOf(clip)).not.toContain('drawtext');
      expect(graphOf(clip)).toMatch(/flite=|\[0:a\]atrim=start=0.01/u);
    }
  });

  it('gives ffmpeg the same arguments for every digit at clarity 0', () => {
    for (const clip of planDigits(digitsOf({ audioClarity: 0, videoClarity: 0, trainClips: 20 }))) {
      const others = Array.from({ length: 10 }, (_, digit) => graphOf({ ...clip, digit }));
      expect(new Set(others).size).toBe(1);
    }
  });

  it('escapes what a font path may hold', () => {
    const [clip] = planDigits(digitsOf());
    if (clip === undefined) throw new Error('no clip');
    const odd = new Map([[clip.font, "/my fonts/it's: [a], b;.ttf"]]);
    const graph = argumentsOf(clip, odd).join(' ');
    expect(graph).toContain(String.raw`fontfile=/my fonts/it\\\'s\\: \[a\]\, b\;.ttf:`);
  });
});
