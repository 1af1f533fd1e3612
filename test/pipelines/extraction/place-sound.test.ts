/** Where pieces of sound come to lie, and what of a clip's sound is its own. */
import { describe, expect, test } from 'vitest';
import { samplesOf } from '../../../pipelines/extraction/judge-sound.ts';
import { SoundTrack, type TimedSamples } from '../../../pipelines/extraction/place-sound.ts';
import { extractionConfigSchema } from '../../../schemas/config/extraction-config.ts';

const RATE = 100;

/** Ten samples a tenth of a second; a piece of ones. */
function placed(
  pieces: readonly (readonly [at: number | undefined, length: number])[],
  clockMayJump = false,
) {
  const track = new SoundTrack({ sampleRateHz: RATE, wanted: 300, clockMayJump });
  for (const [at, length] of pieces) {
    const piece: TimedSamples = { at, samples: new Float32Array(length).fill(1) };
    if (track.add(piece)) break;
  }
  const samples = track.samples();
  const loud = [...samples.keys()].filter((i) => samples[i] === 1);
  return { length: samples.length, first: loud[0], count: loud.length };
}

describe('a piece', () => {
  test('lies at its own time, and less than 0.1 s beside its predecessor where that ended', () => {
    expect(placed([[100, 50]])).toEqual({ length: 150, first: 100, count: 50 });
    expect(
      placed([
        [9, 50],
        [59, 50],
      ]),
    ).toEqual({ length: 100, first: 0, count: 100 });
    expect(
      placed([
        [0, 50],
        [150, 50],
      ]),
    ).toEqual({ length: 200, first: 0, count: 100 });
    expect(
      placed([
        [undefined, 50],
        [undefined, 50],
      ]),
    ).toEqual({ length: 100, first: 0, count: 100 });
  });

  test('that overlaps follows', () => {
    expect(
      placed([
        [0, 100],
        [0, 100],
      ]),
    ).toEqual({ length: 200, first: 0, count: 200 });
  });

  test('after the window leaves silence up to its end', () => {
    expect(
      placed([
        [0, 150],
        [500, 10],
      ]),
    ).toEqual({ length: 300, first: 0, count: 150 });
  });

  test('more than 10 s later is a clock set anew, where that can be', () => {
    expect(
      placed(
        [
          [0, 100],
          [5_000, 100],
        ],
        true,
      ),
    ).toEqual({ length: 200, first: 0, count: 200 });
    expect(
      placed([
        [0, 100],
        [5_000, 100],
      ]),
    ).toEqual({ length: 300, first: 0, count: 100 });
  });
});

describe('the end of a clip’s sound', () => {
  const config = extractionConfigSchema.parse({});
  const rateHz = config.audio.sampleRateHz;
  const keptS = (seconds: number, durationS: number, audioCodec: string) => {
    const decoded = {
      samples: new Float32Array(seconds * rateHz).fill(0.5),
      inputs: [
        { format: 'mov,mp4', hasVideo: true, videoCodecs: [], audioCodec, audioRateHz: 44_100, durationS },
      ],
      complete: true,
      complaint: '',
    };
    const clip = { clipId: 'a', path: '/a.mp4', label: 0, split: 'train' } as const;
    return samplesOf(decoded, clip, config, false).value!.length / rateHz;
  };

  test('is what its last packet has beyond the container’s duration', () => {
    // A packet of AAC: 23 ms.
    expect(keptS(2.02, 2, 'aac')).toBeCloseTo(2, 4);
  });

  test('is not cut by a duration that is wrong', () => {
    expect(keptS(3, 2.85, 'aac')).toBeCloseTo(3, 4);
    expect(keptS(3, 1, 'aac')).toBeCloseTo(3, 4);
  });
});
