/** `extraction` of the config: what is taken from a clip. */
import { z } from 'zod';
import { isRecord } from '../is-record.ts';
import {
  featureName,
  featureNameSchema,
  isFeatures,
  MOST_FEATURES,
  modalitySchema,
  type FeatureDims,
  type FeatureModality,
  type Modality,
} from '../modality.ts';

/** Pictures of 8K with 16 of their predecessors kept, in 8 bits, and what Node itself takes. */
const DEFAULT_CLIP_MEMORY_MIB = 2048;

const positive = z.number().positive();
const count = z.int().positive();

/** Wide pictures may make a shard twice as large as it was cut for, and a file of more than 2 GiB is not read at once. */
const LARGEST_SHARD_MIB = 1_024;

const extractionFields = z.strictObject({
  /** What is extracted and trained on: `audio`, `rgb` (pictures), `flow` (motion). */
  modalities: z.array(modalitySchema).min(1).default(['audio', 'rgb']),
  /** The sound: its length, and the spectrogram that is made of it. */
  audio: z
    .strictObject({
      /** Sound is resampled to this rate. */
      sampleRateHz: count.default(22_050),
      /** Samples of a window of the Fourier transform; a power of two. */
      nFft: z
        .int()
        .min(64)
        .refine((n) => (n & (n - 1)) === 0, 'must be a power of two')
        .default(512),
      /** Samples from one window to the next. */
      hop: count.default(353),
      /** Length of sound taken of a clip, from its beginning. */
      durationS: positive.default(3),
      /** What fills a clip shorter than `durationS`: its own repetition, or silence. */
      fit: z.enum(['tile', 'pad']).default('tile'),
      /** What a shard stores the spectrogram as; `float16` halves it. */
      storage: z.enum(['float16', 'float32']).default('float32'),
      /**
       * `stft`: ln(|STFT| + 1e-7). `log-mel`: librosa's mel spectrogram (power, Slaney's scale and area) of the same
       * transform, ln(power + 1e-7). `fbank`: Kaldi's filter bank, as torchaudio's `compliance.kaldi.fbank` with dither 0.
       */
      frontEnd: z.enum(['stft', 'log-mel', 'fbank']).default('stft'),
      /** Of log-mel and fbank. */
      mel: z
        .strictObject({
          /** Bands of frequencies. */
          bins: count.default(128),
          /** Absent: 0 for log-mel, 20 for fbank. */
          minHz: z.number().nonnegative().optional(),
          /** Absent: half the sample rate. */
          maxHz: positive.optional(),
        })
        .prefault({}),
      /** Of fbank alone, which takes no `nFft` and no `hop`: the transform is the next power of two of a frame. */
      fbank: z
        .strictObject({
          /** Length of a frame. */
          frameMs: positive.default(25),
          /** From one frame to the next. */
          shiftMs: positive.default(10),
          /** The window that frames are weighed by. */
          window: z.enum(['hanning', 'povey', 'hamming']).default('hanning'),
        })
        .prefault({}),
    })
    .superRefine((audio, context) => {
      if (audio.frontEnd === 'stft') return;
      const { minHz = 0, maxHz = audio.sampleRateHz / 2 } = audio.mel;
      if (minHz >= maxHz || maxHz > audio.sampleRateHz / 2) {
        const message = 'minHz must lie below maxHz, and that not above half the sample rate';
        context.addIssue({ code: 'custom', path: ['mel'], message });
      }
      const { frameMs, shiftMs } = audio.fbank;
      if (audio.frontEnd !== 'fbank') return;
      if (frameMs > audio.durationS * 1000 || Math.floor((shiftMs * audio.sampleRateHz) / 1000) < 1) {
        const message = 'a frame must fit into durationS, and frames be a sample apart at least';
        context.addIssue({ code: 'custom', path: ['fbank'], message });
      }
    })
    .prefault({}),
  /** The pictures: which frames, and their size. */
  video: z
    .strictObject({
      /**
       * `segments`: the clip is cut into `frames` equal parts, and one frame of each is used: its middle in testing, one
       * of `candidates` in training (temporal segment networks, Wang et al., ECCV 2016). `start`: frames at 0, 1/fps, 2/fps …
       * seconds, whatever comes after them.
       */
      sampling: z.enum(['segments', 'start']).default('segments'),
      /** Of `sampling: start` only: sampled frames a second. */
      fps: positive.default(1),
      /** Frames used of a clip; a shorter one repeats some. */
      frames: count.default(3),
      /**
       * Frames stored of each segment, evenly spaced, the middle one among them; training draws one for each epoch anew.
       * Shards grow as many times. Odd, so that there is a middle.
       */
      candidates: count.refine((n) => n % 2 === 1, 'must be odd').default(1),
      /** Of a folder of pictures: how many of them are a second. */
      picturesPerS: positive.default(1),
      /** Shorter side in pixels; the longer keeps the aspect, rounded down (torchvision's rule). */
      shortSide: count.default(256),
    })
    .refine(({ sampling, candidates }) => sampling === 'segments' || candidates === 1, {
      path: ['candidates'],
      message: 'needs sampling: segments',
    })
    .prefault({}),
  /** The motion: optical flow between frames. */
  flow: z
    .strictObject({
      /** Displacements are clipped to ± this many pixels and stored as 0…255 (128 is still). */
      boundPx: positive.default(20),
      /**
       * `native`: at each sampled time from the frame there to the next of the file, at its own rate; as many fields as
       * frames. `sampled`: from each sampled frame to the next sampled one, perhaps seconds later; one field less.
       */
      neighbours: z.enum(['native', 'sampled']).default('native'),
    })
    .prefault({}),
  /**
   * What `features:<name>` of `modalities` is: vectors that were computed elsewhere (CLIP, AST, wav2vec), a `.npy` file a
   * clip, which the dataset names.
   */
  features: z
    .record(
      featureNameSchema,
      z.strictObject({
        /** D, the length of a vector. */
        dims: count.max(65_536),
        /**
         * Vectors kept of a clip, each the mean of an equal part of the file's (PyTorch's `adaptive_avg_pool1d`); the encoder
         * answers each, and answers are averaged. 1: their mean.
         */
        frames: count.max(4_096).default(1),
      }),
    )
    .optional(),
  /**
   * Noise that every clip of every split gets before it is stored, for curves over the imbalance and stress tests: part
   * of the dataset's version. From the seed and the clip's id alone, so the same clip has the same noise. Absent:
   * clips are stored as they are. `predict` adds none.
   */
  disturb: z
    .strictObject({
      /** Other seeds draw other noise. */
      seed: z.int().nonnegative().default(0),
      /** White Gaussian noise in the waveform. */
      audio: z
        .strictObject({
          /** The noise lies this far below the clip's own power (negative: above). */
          snrDb: z.number().min(-60).max(120),
        })
        .optional(),
      /** Gaussian noise in every channel of every stored frame. Flow has none. */
      rgb: z
        .strictObject({
          /** Standard deviation; a channel's values are 0…1. */
          deviation: positive.max(10),
        })
        .optional(),
    })
    .refine(({ audio, rgb }) => audio !== undefined || rgb !== undefined, 'names neither audio nor rgb')
    .optional(),
  /** How shards are cut. */
  shard: z
    .strictObject({
      /** Size that shards are cut to: they have between about two and four thirds of it. */
      targetMiB: positive.max(LARGEST_SHARD_MIB, 'a shard of more than 2 GiB cannot be read').default(96),
    })
    .prefault({}),
  /** What a clip may take before it is given up. */
  limits: z
    .strictObject({
      /** A clip that takes longer to decode is quarantined. */
      clipTimeoutS: positive.default(120),
      /** A clip with a larger file is quarantined. */
      clipMaxMiB: positive.default(4096),
      /** A clip that takes more memory to decode is quarantined; of Linux only. The process that decodes counts as a whole. */
      clipMemoryMiB: positive.default(DEFAULT_CLIP_MEMORY_MIB),
    })
    .prefault({}),
});
/** What of a clip becomes its row. */
export const extractionConfigSchema = extractionFields
  .refine(
    ({ modalities, video, flow }) =>
      video.candidates === 1 || flow.neighbours === 'native' || !modalities.includes('flow'),
    { path: ['flow', 'neighbours'], message: 'sampled needs video.candidates: 1' },
  )
  .superRefine(({ modalities, features = {} }, context) => {
    const asked = modalities.filter(isFeatures);
    if (asked.length > MOST_FEATURES) {
      const message = `more than ${String(MOST_FEATURES)} sets of features: fuse some of them before`;
      context.addIssue({ code: 'custom', path: ['modalities'], message });
    }
    for (const name of asked.map(featureName)) {
      if (features[name] !== undefined) continue;
      const message = `say how long the vectors of features:${name} are, e.g. features: { ${name}: { dims: 512 } }`;
      context.addIssue({ code: 'custom', path: ['features', name], message });
    }
  });
export type ExtractionConfig = z.infer<typeof extractionConfigSchema>;

/** Of a manifest or a plan. */
export const storedExtractionSchema = z.preprocess(
  (stored): unknown => (isRecord(stored) ? completedExtraction(stored) : stored),
  extractionConfigSchema,
);

/** As it was stored: what was written before there were segments and native neighbours had neither. */
export function completedExtraction(stored: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { video, flow } = stored;
  return {
    ...stored,
    ...(isRecord(video) && { video: { sampling: 'start', ...video } }),
    ...(isRecord(flow) && { flow: { neighbours: 'sampled', ...flow } }),
  };
}

/** The media among the modalities: what is to be decoded. */
export function hasMedia({ modalities }: Pick<ExtractionConfig, 'modalities'>): boolean {
  return modalities.some((modality) => !isFeatures(modality));
}

/** [F, D] of each set of features that is asked for. */
export function featureShape(
  modality: FeatureModality,
  { features }: Pick<ExtractionConfig, 'features'>,
): readonly [number, number] {
  const { frames = 0, dims = 0 } = features?.[featureName(modality)] ?? {};
  return [frames, dims];
}

/** @returns undefined where no features are asked for */
export function featureDimsOf(
  modalities: readonly Modality[],
  extraction: Pick<ExtractionConfig, 'features'>,
): FeatureDims | undefined {
  const features = modalities.filter(isFeatures);
  return features.length === 0
    ? undefined
    : Object.fromEntries(features.map((modality) => [modality, featureShape(modality, extraction)[1]]));
}

/** Frames of a clip that lie in its row. */
export function storedFrames({ frames, candidates }: ExtractionConfig['video']): number {
  return frames * candidates;
}

/** Whether flow is taken from each sampled frame to the file's next one. */
export function hasNativeFlow({ modalities, flow }: Pick<ExtractionConfig, 'modalities' | 'flow'>): boolean {
  return modalities.includes('flow') && flow.neighbours === 'native';
}

/** Flow fields of a clip for as many frames, stored or used. */
export function flowFields(frames: number, { neighbours }: ExtractionConfig['flow']): number {
  return neighbours === 'native' ? frames : frames - 1;
}

/**
 * What versions and keys are hashed from: settings that a config may have had before they had a name are left out, so that
 * its datasets keep theirs.
 */
export function hashedExtraction<
  T extends Pick<ExtractionConfig, 'modalities' | 'audio' | 'video' | 'flow' | 'features' | 'limits'>,
>(extraction: T) {
  const { sampling, candidates, picturesPerS, ...rest } = extraction.video;
  const video = picturesPerS === 1 ? rest : { ...rest, picturesPerS };
  const { neighbours, ...flow } = extraction.flow;
  const { frontEnd, mel, fbank, ...audio } = extraction.audio;
  const { modalities, features = {} } = extraction;
  const { clipMemoryMiB, ...limits } = extraction.limits;
  const asked = modalities.filter(isFeatures).map((modality) => [modality, features[featureName(modality)]]);
  return {
    ...extraction,
    // Of those that are asked for; JSON leaves out what is undefined.
    features: asked.length === 0 ? undefined : (Object.fromEntries(asked) as Record<string, unknown>),
    audio: {
      ...audio,
      ...(frontEnd === 'stft' ? {} : { frontEnd, mel }),
      ...(frontEnd === 'fbank' ? { fbank } : {}),
    },
    limits: clipMemoryMiB === DEFAULT_CLIP_MEMORY_MIB ? limits : { ...limits, clipMemoryMiB },
    video: sampling === 'start' ? video : { ...video, sampling, ...(candidates === 1 ? {} : { candidates }) },
    flow: hasNativeFlow(extraction) ? { ...flow, neighbours } : flow,
  };
}
