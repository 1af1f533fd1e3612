/** Clips that are vectors alone, three classes, of two sets of features: `ast` by time, `text` one vector, which some lack. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomGenerator } from '../../pipelines/random/generator.ts';
import type { Split } from '../../schemas/clip.ts';
import { writeNpy } from './npy.ts';

export const CLASSES = ['cat', 'dog', 'owl'] as const;
export const DIMS = { ast: 6, text: 5 } as const;

export interface FeatureClip {
  readonly id: string;
  readonly label: number;
  readonly split: Split;
  /** Rows of [T, D]. */
  readonly ast: readonly (readonly number[])[];
  readonly text: readonly number[] | undefined;
}

/** The last number of `ast` is far from the others' range, the first of `text` always the same. */
function makeUp(n: number): FeatureClip {
  const random = randomGenerator(3, 'feature clips', 0, n);
  const label = n % CLASSES.length;
  const at = (d: number, strength: number) => (d % CLASSES.length === label ? strength : 0);
  const step = () =>
    Array.from({ length: DIMS.ast }, (_, d) =>
      Math.fround(d === DIMS.ast - 1 ? 500 + 20 * random.normal() : random.normal() + at(d, 2)),
    );
  const text = Array.from({ length: DIMS.text }, (_, d) =>
    Math.fround(d === 0 ? 0.25 : 0.05 * (random.normal() + at(d, 1))),
  );
  return {
    ...{ id: `clip-${String(n).padStart(2, '0')}`, label },
    split: n < 54 ? 'train' : n < 63 ? 'validation' : 'test',
    ast: Array.from({ length: 2 + (n % 4) }, step),
    text: n % 7 === 6 ? undefined : text,
  };
}

/** @returns what is in the files; `clips.csv` in `folder` lists them */
export function writeFeatureClips(folder: string): FeatureClip[] {
  const clips = Array.from({ length: 84 }, (_, n) => makeUp(n));
  mkdirSync(join(folder, 'npy'), { recursive: true });
  const lines = clips.map(({ id, label, split, ast, text }) => {
    writeNpy(join(folder, `npy/${id}.ast.npy`), ast.flat(), [ast.length, DIMS.ast]);
    if (text !== undefined) writeNpy(join(folder, `npy/${id}.text.npy`), text, [DIMS.text]);
    return `${id},${CLASSES[label]!},${split},npy/${id}.ast.npy,${text === undefined ? '' : `npy/${id}.text.npy`}`;
  });
  writeFileSync(
    join(folder, 'clips.csv'),
    ['id,label,split,features:ast,features:text', ...lines, ''].join('\n'),
  );
  return clips;
}
