/** `extraction` of the config: what is taken from a clip. */
import { z } from 'zod';
import { modalitySchema } from '../modality.ts';

const positive = z.number().positive();
const count = z.int().positive();

export const extractionConfigSchema = z.strictObject({
  modalities: z.array(modalitySchema).min(1).default(['audio', 'rgb']),
  audio: z
    .strictObject({
      sampleRateHz: count.default(22_050),
      nFft: z
        .int()
        .min(64)
        .refine((n) => (n & (n - 1)) === 0, 'must be a power of two')
        .default(512),
      hop: count.default(353),
      durationS: positive.default(3),
      /** What fills a clip shorter than `durationS`: its own repetition, or silence. */
      fit: z.enum(['tile', 'pad']).default('tile'),
      storage: z.enum(['float16', 'float32']).default('float32'),
    })
    .prefault({}),
  video: z
    .strictObject({
      /** Sampled frames a second, from the clip's start. */
      fps: positive.default(1),
      frames: count.default(3),
      /** Shorter side in pixels; the longer keeps the aspect, rounded down (torchvision's rule). */
      shortSide: count.default(256),
    })
    .prefault({}),
  flow: z
    .strictObject({
      /** Displacements are clipped to ± this many pixels and stored as 0…255 (128 is still). */
      boundPx: positive.default(20),
    })
    .prefault({}),
  /**
   * Noise that every clip of every split gets before it is stored, for curves over the imbalance and stress tests: part
   * of the dataset's version. From the seed and the clip's id alone, so the same clip has the same noise. Absent:
   * clips are stored as they are. `predict` adds none.
   */
  disturb: z
    .strictObject({
      seed: z.int().nonnegative().default(0),
      /** White Gaussian noise in the waveform, this many dB below the clip's own power (negative: above). */
      audio: z.strictObject({ snrDb: z.number().min(-60).max(120) }).optional(),
      /** Gaussian noise of this deviation in every channel of every stored frame, in units of 0…1. Flow has none. */
      rgb: z.strictObject({ deviation: positive.max(10) }).optional(),
    })
    .refine(({ audio, rgb }) => audio !== undefined || rgb !== undefined, 'names neither audio nor rgb')
    .optional(),
  shard: z.strictObject({ targetMiB: positive.default(96) }).prefault({}),
  limits: z
    .strictObject({
      clipTimeoutS: positive.default(120),
      clipMaxMiB: positive.default(4096),
    })
    .prefault({}),
});
export type ExtractionConfig = z.infer<typeof extractionConfigSchema>;
