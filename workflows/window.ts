/** Bounded fan-out. */
import { CancellationScope } from '@temporalio/workflow';

export interface WindowOptions<T> {
  readonly items: readonly T[];
  /** How many are in flight at once. */
  readonly size: number;
  readonly work: (item: T) => Promise<void>;
  /** Asked before each start; false: start no more. */
  readonly mayStart: () => Promise<boolean>;
}

/**
 * Works through `items` in order, `size` at a time; the first failure cancels the others.
 *
 * @returns the items that were not started
 */
export async function inWindow<T>({ items, size, work, mayStart }: WindowOptions<T>): Promise<T[]> {
  const left = [...items];
  const scope = new CancellationScope();
  const lane = async () => {
    while (left.length > 0 && (await mayStart())) {
      const item = left.shift();
      if (item !== undefined) await work(item);
    }
  };
  await scope.run(async () => {
    const lanes = Array.from({ length: Math.min(size, items.length) }, lane);
    try {
      await Promise.all(lanes);
    } catch (error) {
      scope.cancel();
      await Promise.allSettled(lanes);
      throw error;
    }
  });
  return left;
}
