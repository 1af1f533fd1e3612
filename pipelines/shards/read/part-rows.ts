/** Which rows of a split come from certain shards. Pure. */
import type { Split } from '../../../schemas/clip.ts';
import type { DatasetManifest } from '../../../schemas/manifest.ts';

/**
 * Row numbers as `openShards` gives them, ascending.
 *
 * @param paths of shards; those of other splits do not matter
 */
export function partRows(
  manifest: Pick<DatasetManifest, 'shards'>,
  split: Split,
  paths: readonly string[],
): { inside: Int32Array; outside: Int32Array } {
  const chosen = new Set(paths);
  const inside: number[] = [];
  const outside: number[] = [];
  let row = 0;
  for (const shard of manifest.shards) {
    if (shard.split !== split) continue;
    const part = chosen.has(shard.path) ? inside : outside;
    for (const end = row + shard.rows; row < end; row += 1) part.push(row);
  }
  return { inside: Int32Array.from(inside), outside: Int32Array.from(outside) };
}
