/** From shard rows to the normalised arrays that a step reads. Which rows, in which order, is decided here too. */
import type { TrainingConfig } from '../../../schemas/config/training-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { DatasetManifest, Normalisation } from '../../../schemas/manifest.ts';
import { isFeatures, modalityBit, type Modality } from '../../../schemas/modality-names.ts';
import { randomGenerator } from '../../random/generator.ts';
import { RowMemory, type ShardRow } from '../../shards/read/row-reader.ts';
import type { ShardSet } from '../../shards/read/shard-reader.ts';
import { randomView, testView, type Augment, type View } from './augment.ts';
import type { Presence } from './presence.ts';
import { normalise, renderView, type PixelScale } from './pictures/render-view.ts';
import { drawColours, renderColours } from './pictures/vary-colours.ts';
import { chosenFrames, pickFrames } from './segments.ts';
import { standardise } from './vectors.ts';
import { renderSound, type LogScale } from './vary-sound.ts';

export interface Images {
  /** Rows of the batch that have the modality, ascending; P of them. */
  readonly rows: Int32Array;
  /** [P, F, H, W, C] */
  readonly shape: readonly [number, number, number, number, number];
  /** Normalised, row-major. Overwritten by the next batch in the same memory. */
  readonly values: Float32Array;
}

export interface Batch {
  readonly size: number;
  /** Row numbers within the split, [B]. */
  readonly rows: Int32Array;
  /** [B] */
  readonly labels: Int32Array;
  readonly present: Presence;
  readonly images: Readonly<Partial<Record<Modality, Images>>>;
}

/** ImageNet's, as pretrained weights and the field expect, in 0…255. */
const IMAGENET: Normalisation = {
  mean: [0.485, 0.456, 0.406].map((share) => share * 255),
  std: [0.229, 0.224, 0.225].map((share) => share * 255),
};
/** Flow is stored as 0…255 for ± the bound, so 127.5 is no motion; u turns its sign in a mirror, v does not. */
const FLOW_MIRROR = [127.5, undefined] as const;

/** What a modality's numbers are normalised by, in the shards' units: ImageNet's for rgb, else the dataset's own. */
export function inputScale(modality: Modality, normalisation: DatasetManifest['normalisation']): PixelScale {
  if (modality === 'rgb') return IMAGENET;
  const own = normalisation[modality] ?? { mean: [], std: [] };
  return modality === 'flow' ? { ...own, mirroredAround: FLOW_MIRROR } : own;
}

/**
 * A training epoch's rows in random order, cut into batches. A last batch of one row is left out: it has no batch
 * statistics and nothing to be mixed with.
 */
export function trainingBatches(
  rows: Int32Array,
  batchSize: number,
  seed: number,
  epoch: number,
): Int32Array[] {
  const places = randomGenerator(seed, 'shuffle', epoch).permutation(rows.length);
  const order = Int32Array.from(places, (place) => rows[place]!);
  return cutBatches(order, batchSize).filter((batch) => batch.length > 1);
}

/** All rows in their own order. */
export function testingBatches(rows: number, batchSize: number): Int32Array[] {
  return cutBatches(
    Int32Array.from({ length: rows }, (_, row) => row),
    batchSize,
  );
}

/** Rows in the order given. */
export function cutBatches(order: Int32Array, size: number): Int32Array[] {
  return Array.from({ length: Math.ceil(order.length / size) }, (_, batch) =>
    order.subarray(batch * size, (batch + 1) * size),
  );
}

export interface BatchReaderOptions {
  readonly manifest: Pick<DatasetManifest, 'normalisation'>;
  readonly modalities: readonly Modality[];
  readonly cropPx: number;
  /** Of batches that are not varied; absent: `centre`. */
  readonly testView?: TrainingConfig['testView'];
  /** `extraction.video.candidates` of the dataset: stored frames for each that is used. Absent: 1. */
  readonly candidates?: number;
  /** What a stored value of sound says, for gain and noise; absent: the log of an amplitude. */
  readonly soundScale?: LogScale;
}

/** How clips are varied: from this, the seed and the epoch follow every frame, crop, flip, mask and shade. */
export interface Variation {
  readonly augment: Augment;
  readonly seed: number;
  readonly epoch: number;
}

/** Room for a batch's images: allocated once and written again for every batch, since fresh memory is an order slower. */
export class BatchMemory {
  readonly #buffers = new Map<Modality, Float32Array>();
  readonly #allocate: (length: number) => Float32Array;

  constructor(allocate: (length: number) => Float32Array = (length) => new Float32Array(length)) {
    this.#allocate = allocate;
  }

  /** At least so long; what was in it may be lost when it is longer than before. */
  take(modality: Modality, length: number): Float32Array {
    const held = this.#buffers.get(modality);
    if (held !== undefined && held.length >= length) return held;
    const buffer = this.#allocate(length);
    this.#buffers.set(modality, buffer);
    return buffer;
  }
}

/** What of a split a batch is made of. */
export type RowSource = Pick<ShardSet, 'labels' | 'missing' | 'modalities' | 'clipIds' | 'read'>;

export class BatchReader {
  readonly #shards: RowSource;
  readonly #options: BatchReaderOptions;
  readonly #memory = new BatchMemory();
  /** Of the row that is being rendered. */
  readonly #row = new RowMemory();
  readonly #frames: Partial<Record<'rgb' | 'flow', Uint8Array>> = {};

  constructor(shards: RowSource, options: BatchReaderOptions) {
    this.#shards = shards;
    this.#options = options;
  }

  /**
   * @param rows of the split
   * @param variation absent: the options' `testView`
   * @param memory for its images; absent: the reader's own
   * @returns a batch that is valid until the memory is used again
   */
  read(rows: Int32Array, variation?: Variation, memory: BatchMemory = this.#memory): Batch {
    const { modalities } = this.#options;
    const present: Partial<Record<Modality, Uint8Array>> = {};
    for (const modality of modalities) {
      const bit = modalityBit(modality, this.#shards.modalities ?? modalities);
      present[modality] = Uint8Array.from(rows, (row) => ((this.#shards.missing[row]! & bit) === 0 ? 1 : 0));
    }
    const shapes = new Map<Modality, Shape>();
    const filled = new Map<Modality, number[]>(modalities.map((modality) => [modality, []]));
    for (const [place, rowIndex] of rows.entries()) {
      const row = this.#pick(this.#shards.read(rowIndex, this.#row), rowIndex, variation);
      const view = this.#viewOf(row, rowIndex, variation);
      for (const modality of modalities) {
        if (present[modality]![place] !== 1) continue;
        const places = filled.get(modality)!;
        const image = this.#imageOf(modality, row, rowIndex, shapes, variation);
        const { size } = image;
        // Only the first row of a batch can find the memory too small, so nothing written is lost.
        const out = memory.take(modality, rows.length * size).subarray(places.length * size);
        image.render(out.subarray(0, size), view);
        places.push(place);
      }
    }
    const images: Partial<Record<Modality, Images>> = {};
    for (const [modality, shape] of shapes) {
      const places = filled.get(modality)!;
      images[modality] = {
        rows: Int32Array.from(places),
        shape: [places.length, ...shape],
        values: memory.take(modality, 0).subarray(0, places.length * sizeOf(shape)),
      };
    }
    return {
      size: rows.length,
      rows,
      labels: Int32Array.from(rows, (row) => this.#shards.labels[row]!),
      present,
      images,
    };
  }

  /** The row with the frames that are used of those that are stored: of rgb and flow those of the same times. */
  #pick(row: ShardRow, rowIndex: number, variation: Variation | undefined): ShardRow {
    const { candidates = 1 } = this.#options;
    if (candidates === 1) return row;
    const random = () => variation && randomGenerator(variation.seed, 'segment', variation.epoch, rowIndex);
    const picked = (['rgb', 'flow'] as const).flatMap((modality) => {
      const stored = row[modality];
      if (stored === undefined) return [];
      const chosen = chosenFrames(stored.shape[0], candidates, random());
      const pictures = pickFrames(stored, chosen, this.#frames[modality]);
      this.#frames[modality] = pictures.data;
      return [[modality, pictures] as const];
    });
    return { ...row, ...Object.fromEntries(picked) };
  }

  #viewOf(row: ShardRow, rowIndex: number, variation: Variation | undefined): View | undefined {
    const pictures = row.rgb ?? row.flow;
    if (pictures === undefined) return undefined;
    const [, height, width] = pictures.shape;
    if (variation === undefined) {
      return testView(height, width, this.#options.cropPx, this.#options.testView);
    }
    const random = randomGenerator(variation.seed, 'crop', variation.epoch, rowIndex);
    return randomView(random, height, width, variation.augment);
  }

  /** @param shapes of the batch's modalities so far; the row's is checked, and added */
  #imageOf(
    modality: Modality,
    row: ShardRow,
    rowIndex: number,
    shapes: Map<Modality, Shape>,
    variation: Variation | undefined,
  ): { size: number; render: (out: Float32Array, view: View | undefined) => void } {
    const { cropPx } = this.#options;
    const feature = row[modality];
    const shape = shapeOf(modality, row, cropPx);
    const expected = shapes.get(modality) ?? shape;
    if (feature === undefined || shape === undefined || expected === undefined) {
      throw this.#rowError(modality, rowIndex, 'is not in the shard, which does not call it missing');
    }
    if (shape.some((size, axis) => size !== expected[axis])) {
      throw this.#rowError(modality, rowIndex, `is ${shape.join('×')}, other clips' ${expected.join('×')}`);
    }
    shapes.set(modality, shape);
    const scale = inputScale(modality, this.#options.manifest.normalisation);
    const render = (out: Float32Array, view: View | undefined) => {
      const { audio, colour } = variation?.augment ?? {};
      if (modality === 'audio' && audio !== undefined) {
        renderSound(
          row.audio!,
          scale,
          { ...variation!, augment: audio, row: rowIndex },
          out,
          this.#options.soundScale,
        );
      } else if (isFeatures(modality)) {
        standardise(row[modality]!.data, this.#options.manifest.normalisation[modality]!, out);
      } else if (modality === 'audio') {
        normalise(row.audio!.data, scale, out);
      } else if (modality === 'rgb' && colour !== undefined) {
        const random = randomGenerator(variation!.seed, 'colour', variation!.epoch, rowIndex);
        renderColours(row.rgb!, view!, cropPx, scale, drawColours(random, colour), out);
      } else {
        renderView(row[modality]!, view!, cropPx, scale, out);
      }
    };
    return { size: sizeOf(shape), render };
  }

  #rowError(modality: Modality, rowIndex: number, problem: string): ModalmixError {
    return new ModalmixError('input', `${modality} of the clip ${problem}`, {
      where: this.#shards.clipIds[rowIndex] ?? `row ${String(rowIndex)}`,
      fix: 'Rebuild the dataset.',
    });
  }
}

type Shape = readonly [number, number, number, number];

/** Of a modality's images; undefined where the row has none. */
function shapeOf(modality: Modality, row: ShardRow, cropPx: number): Shape | undefined {
  if (isFeatures(modality)) {
    const vectors = row[modality]?.shape;
    return vectors && [vectors[0], 1, 1, vectors[1]];
  }
  if (modality === 'audio') return row.audio && [1, ...row.audio.shape, 1];
  const pictures = row[modality]?.shape;
  return pictures && [pictures[0], cropPx, cropPx, pictures[3]];
}

function sizeOf(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}
