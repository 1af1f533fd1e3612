/**
 * The Arrow schema of a shard: column names, types, and the metadata by which a file explains itself to
 * whoever opens it with pyarrow, DuckDB or polars.
 */
import {
  Binary,
  Field,
  FixedSizeList,
  Float16,
  Float32,
  Int32,
  Schema,
  Uint8,
  Utf8,
  type DataType,
} from 'apache-arrow';
import { featureShape, hasNativeFlow, type ExtractionConfig } from './config/extraction-config.ts';
import { inOrder, isFeatures, MEDIA_MODALITIES, modalityBit, type Modality } from './modality.ts';

/** Part of every shard's key: raise it when the same clips would be written as other bytes. */
export const SHARD_FORMAT_VERSION = 2;

export const SHARD_COLUMNS = {
  clipId: 'clip_id',
  label: 'label',
  split: 'split',
  group: 'group',
  sourceSha256: 'source_sha256',
  /** `modalityBit` of each modality that is missing; beside the columns' own null bitmaps. */
  missing: 'missing',
  audio: 'audio',
  rgb: 'rgb',
  flow: 'flow',
} as const;

/** Column with a picture modality's [T, H, W, C]: sizes differ with the clips' aspect. */
export const shapeColumn = (modality: 'rgb' | 'flow'): string => `${modality}_shape`;

/** log(|X| + this): the field's convention, and the spectrogram's value in silence. */
export const LOG_OFFSET = 1e-7;

/** Deviations are at least this: of a constant channel, which has none, so that a division by it stays finite. */
export const LEAST_DEVIATION = 1e-6;

/** Samples a clip's audio is fitted to. */
export function audioSamples(audio: ExtractionConfig['audio']): number {
  return Math.round(audio.durationS * audio.sampleRateHz);
}

/** Samples of a frame of Kaldi's filter bank, and from one frame's beginning to the next's. */
export function fbankFrame({ sampleRateHz, fbank }: ExtractionConfig['audio']) {
  const samples = (ms: number) => Math.floor((ms * sampleRateHz) / 1000);
  return { length: samples(fbank.frameMs), shift: samples(fbank.shiftMs) };
}

/** [F, T] of the spectrogram: every row of a dataset has the same. */
export function audioShape(audio: ExtractionConfig['audio']): readonly [number, number] {
  const { frontEnd, mel } = audio;
  if (frontEnd === 'fbank') {
    const { length, shift } = fbankFrame(audio);
    return [mel.bins, 1 + Math.floor((audioSamples(audio) - length) / shift)];
  }
  if (frontEnd === 'log-mel') return [mel.bins, 1 + Math.floor(audioSamples(audio) / audio.hop)];
  return [audio.nFft / 2 + 1, 1 + Math.floor(audioSamples(audio) / audio.hop)];
}

/** What the spectrogram's numbers are, in words. */
export function audioUnits({ frontEnd, mel, fbank }: ExtractionConfig['audio']): string {
  switch (frontEnd) {
    case 'stft':
      return `ln(|STFT| + ${String(LOG_OFFSET)})`;
    case 'log-mel':
      return `ln(mel power + ${String(LOG_OFFSET)}), ${String(mel.bins)} bins by librosa's definition`;
    case 'fbank':
      return `ln of Kaldi's filter bank, ${String(mel.bins)} mel bins, ${fbank.window} window of ${String(fbank.frameMs)} ms every ${String(fbank.shiftMs)} ms`;
  }
}

/**
 * The `missing` bit field of a row.
 *
 * @param dataset all modalities of the dataset
 */
export function missingBits(
  isMissing: (modality: Modality) => boolean,
  dataset: readonly Modality[],
): number {
  return withMedia(dataset).reduce(
    (bits, modality) => (isMissing(modality) ? bits | modalityBit(modality, dataset) : bits),
    0,
  );
}

/** Media have their bits in every dataset, asked for or not. */
function withMedia(dataset: readonly Modality[]): Modality[] {
  return inOrder([...MEDIA_MODALITIES, ...dataset]);
}

function bitsOf(dataset: readonly Modality[]): Record<string, number> {
  return Object.fromEntries(withMedia(dataset).map((name) => [name, modalityBit(name, dataset)]));
}

export interface ShardSchemaInput {
  readonly classNames: readonly string[];
  readonly extraction: ExtractionConfig;
  readonly extractorVersion: string;
}

/** Columns follow the config: a modality that was not asked for has none, and its `missing` bit is set. */
export function shardSchema({ classNames, extraction, extractorVersion }: ShardSchemaInput): Schema {
  const { audio, video, flow, modalities } = extraction;
  const [frequencies, times] = audioShape(audio);
  const text = (name: string, nullable = false) => new Field(name, new Utf8(), nullable);
  const fields: Field[] = [
    text(SHARD_COLUMNS.clipId),
    new Field(SHARD_COLUMNS.label, new Int32(), false),
    text(SHARD_COLUMNS.split),
    text(SHARD_COLUMNS.group, true),
    new Field(
      SHARD_COLUMNS.sourceSha256,
      new Utf8(),
      false,
      new Map([
        [
          'note',
          'of the media file; with a separate audio file: of "<its sha256>\\n<the audio file\'s>"; of a segment: of "<that>\\n<start in s>\\n<end in s, or end>"',
        ],
      ]),
    ),
    new Field(
      SHARD_COLUMNS.missing,
      new Uint8(),
      false,
      new Map([['bits', JSON.stringify(bitsOf(modalities))]]),
    ),
  ];
  for (const modality of inOrder(modalities)) {
    if (modality === 'audio') {
      const value: DataType = audio.storage === 'float16' ? new Float16() : new Float32();
      fields.push(
        new Field(
          SHARD_COLUMNS.audio,
          new FixedSizeList(frequencies * times, new Field('item', value, false)),
          true,
          new Map([
            ['shape', JSON.stringify([frequencies, times])],
            ['axes', 'frequency,time'],
            ['units', audioUnits(audio)],
          ]),
        ),
      );
    } else if (isFeatures(modality)) {
      const [frames, dims] = featureShape(modality, extraction);
      fields.push(
        new Field(
          modality,
          new FixedSizeList(frames * dims, new Field('item', new Float32(), false)),
          true,
          new Map([
            ['shape', JSON.stringify([frames, dims])],
            ['axes', 'frame,feature'],
            ['units', 'as computed elsewhere'],
          ]),
        ),
      );
    } else {
      const units =
        modality === 'rgb'
          ? 'uint8 0..255, sRGB as decoded'
          : `uint8; displacement in pixels = value / 255 * ${String(2 * flow.boundPx)} - ${String(flow.boundPx)}; channels u (right), v (down)`;
      fields.push(
        new Field(
          modality,
          new Binary(),
          true,
          new Map([
            ['axes', 'frame,row,column,channel'],
            ['units', units],
          ]),
        ),
        new Field(shapeColumn(modality), new FixedSizeList(4, new Field('item', new Int32(), false)), true),
      );
    }
  }
  return new Schema(
    fields,
    new Map([
      ['modalmix.format_version', String(SHARD_FORMAT_VERSION)],
      ['modalmix.extractor_version', extractorVersion],
      ['modalmix.class_names', JSON.stringify(classNames)],
      ['modalmix.modalities', JSON.stringify(modalities)],
      ['modalmix.sample_rate_hz', String(audio.sampleRateHz)],
      ['modalmix.n_fft', String(audio.nFft)],
      ['modalmix.hop', String(audio.hop)],
      ['modalmix.audio_duration_s', String(audio.durationS)],
      ['modalmix.audio_fit', audio.fit],
      ...(video.sampling === 'start'
        ? ([['modalmix.fps', String(video.fps)]] as const)
        : ([
            ['modalmix.sampling', video.sampling],
            ['modalmix.candidates', String(video.candidates)],
          ] as const)),
      ['modalmix.frames', String(video.frames)],
      ['modalmix.short_side_px', String(video.shortSide)],
      ['modalmix.flow_bound_px', String(flow.boundPx)],
      ...(hasNativeFlow(extraction) ? ([['modalmix.flow_neighbours', flow.neighbours]] as const) : []),
    ]),
  );
}
