/** Crops and flips: which part of a picture is used. `pictures/render-view.ts` cuts it out. */
import type { TrainingConfig } from '../../../schemas/config/training-config.ts';
import type { Generator } from '../../random/generator.ts';

/** A box in shares of the picture's width and height, so that it fits rgb and flow of any size alike. */
export interface View {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly flipped: boolean;
}

/** What may be left out is off: it is what the config's defaults say. */
export type Augment = Pick<TrainingConfig['augment'], 'cropMinScale' | 'flip'> &
  Partial<TrainingConfig['augment']>;

const WHOLE = { left: 0, top: 0, width: 1, height: 1 } as const;

/** Aspect ratios of torchvision's RandomResizedCrop. */
const ASPECT = [3 / 4, 4 / 3] as const;
const ATTEMPTS = 10;

/**
 * torchvision's RandomResizedCrop (area ~ U(minScale, 1), log aspect uniform, 10 attempts, else the centre) and a
 * flip with probability ½; or the whole picture and the flip. One view serves all frames and all pictures of a clip.
 */
export function randomView(random: Generator, height: number, width: number, augment: Augment): View {
  if (augment.view === 'whole') return { ...WHOLE, flipped: augment.flip && random.uniform() < 0.5 };
  const box = randomBox(random, height, width, augment.cropMinScale);
  const flipped = augment.flip && random.uniform() < 0.5;
  return {
    left: box.left / width,
    top: box.top / height,
    width: box.width / width,
    height: box.height / height,
    flipped,
  };
}

function randomBox(random: Generator, height: number, width: number, minScale: number) {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const area = height * width * (minScale + (1 - minScale) * random.uniform());
    const logAspect = Math.log(ASPECT[0]) + (Math.log(ASPECT[1]) - Math.log(ASPECT[0])) * random.uniform();
    const aspect = Math.exp(logAspect);
    const w = Math.round(Math.sqrt(area * aspect));
    const h = Math.round(Math.sqrt(area / aspect));
    if (w > 0 && h > 0 && w <= width && h <= height) {
      return {
        top: random.integer(height - h + 1),
        left: random.integer(width - w + 1),
        height: h,
        width: w,
      };
    }
  }
  const w = Math.min(width, Math.round(height * ASPECT[1]));
  const h = Math.min(height, Math.round(width / ASPECT[0]));
  return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), height: h, width: w };
}

/** How a picture is seen in testing: the config's `testView`; `side` is its `cropPx`. */
export function testView(
  height: number,
  width: number,
  side: number,
  view: TrainingConfig['testView'] = 'centre',
): View {
  return view === 'whole' ? { ...WHOLE, flipped: false } : centreView(height, width, side);
}

/** The square of `side` pixels in the middle, or the largest there is. */
export function centreView(height: number, width: number, side: number): View {
  const fitting = Math.min(side, height, width);
  return {
    left: Math.floor((width - fitting) / 2) / width,
    top: Math.floor((height - fitting) / 2) / height,
    width: fitting / width,
    height: fitting / height,
    flipped: false,
  };
}
