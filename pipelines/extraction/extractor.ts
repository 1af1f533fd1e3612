/**
 * What turns one clip into the arrays that training reads. Engines (`ffmpeg-extractor.ts`) stand behind
 * this interface; everything else in the project knows only it.
 */
import type { Clip } from '../../schemas/clip.ts';
import type { ExtractionConfig } from '../../schemas/config/extraction-config.ts';
import type { FeatureModality, Modality } from '../../schemas/modality.ts';

/** Logarithmic spectrogram of the config's front end, frequency-major. */
export interface AudioFeature {
  /** Natural logarithms (`audioUnits`), length F·T. */
  readonly data: Float32Array;
  /** [F, T], as `audioShape` has it. */
  readonly shape: readonly [number, number];
}

/** Sampled frames (rgb: C = 3, 0…255) or displacements from these to the next (flow: C = 2, see `flow.ts`). */
export interface PictureFeature {
  readonly data: Uint8Array;
  /** [T, H, W, C]. */
  readonly shape: readonly [number, number, number, number];
}

/** Vectors that were computed elsewhere. */
export interface VectorFeature {
  /** Row-major. */
  readonly data: Float32Array;
  /** [F, D]. */
  readonly shape: readonly [number, number];
}

export const MISSING_CODES = ['no-stream', 'silent', 'undecodable', 'too-short'] as const;
export type MissingCode = (typeof MISSING_CODES)[number];

export interface MissingModality {
  readonly code: MissingCode;
  /** For a person; ffmpeg's own words where it had any. */
  readonly reason: string;
}

/** Each modality of the config is either there or in `missing`; at least one is there. */
export interface ExtractedClip {
  readonly audio?: AudioFeature;
  readonly rgb?: PictureFeature;
  readonly flow?: PictureFeature;
  readonly [features: FeatureModality]: VectorFeature;
  readonly missing: Readonly<Partial<Record<Modality, MissingModality>>>;
}

export const UNUSABLE_CODES = [
  'missing-file',
  'empty',
  'unreadable',
  'no-streams',
  'nothing-usable',
  'timeout',
  'too-large',
  'crashed',
] as const;
export type UnusableCode = (typeof UNUSABLE_CODES)[number];

/** The clip is to be quarantined: extracting it again would end the same way. */
export class ClipUnusable extends Error {
  override readonly name = 'ClipUnusable';
  readonly code: UnusableCode;

  constructor(code: UnusableCode, reason: string) {
    super(reason);
    this.code = code;
  }
}

export interface Extractor {
  /** Changes whenever the same clip and config may give other values; part of every shard's key. */
  readonly version: string;
  /**
   * Decodes the clip once and returns all of its modalities.
   *
   * @throws ClipUnusable when nothing of the clip can be used
   * @throws ModalmixError `cancelled` on the signal, `transient` when the machine failed and not the clip,
   *   `dependency` when the engine is not there
   */
  extract(clip: Clip, config: ExtractionConfig, signal?: AbortSignal): Promise<ExtractedClip>;
}
