import { readFileSync } from 'node:fs';
import type { ColourChange } from '../../../../pipelines/training/data/pictures/vary-colours.ts';

/** Of `golden/make_augment.py`. */
export interface AugmentGolden {
  readonly masks: readonly {
    readonly size: number;
    readonly largest: number;
    readonly share: number;
    readonly uniforms: readonly [number, number];
    readonly band: readonly [number, number];
  }[];
  readonly height: number;
  readonly width: number;
  readonly picture: readonly number[];
  readonly colours: readonly {
    readonly changes: readonly ColourChange[];
    readonly expected: readonly number[];
    readonly pillow?: readonly number[];
  }[];
  readonly sound: {
    readonly snrDb: number;
    readonly amplitudes: readonly number[];
    readonly bins: readonly number[];
    readonly meanLogs: readonly number[];
    readonly rice: readonly { readonly level: number; readonly quantiles: readonly number[] }[];
  };
}

export function augmentGolden(): AugmentGolden {
  return JSON.parse(readFileSync(new URL('golden/augment.json', import.meta.url), 'utf8')) as AugmentGolden;
}
