/** All parsers of ours that meet data from outside. */
import type { Target } from '../target.ts';
import { binaryTargets } from './binary.ts';
import { configTargets } from './configs.ts';
import { listTargets } from './lists.ts';
import { otherTargets } from './others.ts';
import { storedTargets } from './stored.ts';
import { streamTargets } from './stream.ts';

/** @param seeds folder of `makeSeeds` */
export async function findTargets(seeds: string): Promise<Target[]> {
  const targets = [
    ...configTargets(),
    ...listTargets(),
    ...streamTargets(),
    ...(await storedTargets(seeds)),
    ...(await binaryTargets(seeds)),
    ...(await otherTargets()),
  ];
  // Each takes what its own `inputs` make.
  return targets;
}
