/** Noise in a clip's sound and pictures before they are stored, the same whenever the clip is extracted. Pure. */
import { randomGenerator } from '../random/generator.ts';

/**
 * Adds white Gaussian noise of power P / 10^(snrDb / 10), P the mean square of the clip's own samples. All samples get
 * noise of their own, repeated ones and silence too; nothing is clipped, so that the ratio is as asked.
 *
 * @param samples changed
 * @param own how many samples, from the first, are the clip's and not what fills up
 * @param snrDb signal to noise, in dB
 */
export function disturbSamples(
  samples: Float32Array,
  own: number,
  snrDb: number,
  seed: number,
  clipId: string,
): void {
  let sum = 0;
  for (let i = 0; i < own; i += 1) sum += samples[i]! ** 2;
  const deviation = Math.sqrt(sum / Math.max(1, own) / 10 ** (snrDb / 10));
  const random = randomGenerator(seed, `disturbed audio/${clipId}`);
  for (let i = 0; i < samples.length; i += 1) samples[i] = samples[i]! + deviation * random.normal();
}

/**
 * Adds Gaussian noise to every byte, which is then rounded and clipped to 0…255.
 *
 * @param pictures changed
 * @param deviation in units of the range 0…1
 */
export function disturbPictures(pictures: Uint8Array, deviation: number, seed: number, clipId: string): void {
  const random = randomGenerator(seed, `disturbed rgb/${clipId}`);
  const scale = 255 * deviation;
  for (let i = 0; i < pictures.length; i += 1) {
    const value = Math.round(pictures[i]! + scale * random.normal());
    pictures[i] = value < 0 ? 0 : value > 255 ? 255 : value;
  }
}
