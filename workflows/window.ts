/** Bounded fan-out. */
import { CancellationScope } from '@temporalio/workflow';

export interface WindowOptions<T> {
  readonly items: readonly T[];
  /** How many are in flight at once. */
  readonly size: number;
  readonly work: (item: T) => Promise<void>;
  /** Asked before each start; false: start no more. */
  readonly mayStart: () => Promise<boolean>;
  /** Asked when all items are started; none: there are no more. */
  readonly more?: () => Promise<readonly T[]>;
}

/**
 * Works through `items` in order, `size` at a time; the first failure cancels the others.
 *
 * @returns the items that were not started
 */
export async function inWindow<T>(options: WindowOptions<T>): Promise<T[]> {
  const { items, size, work, mayStart, more } = options;
  const left = [...items];
  let refilling: Promise<void> | undefined;
  /** One request, for which all lanes wait. */
  const refill = async (ask: () => Promise<readonly T[]>): Promise<void> => {
    refilling ??= ask().then((found) => {
      left.push(...found);
      refilling = undefined;
    });
    await refilling;
  };
  const scope = new CancellationScope();
  const lane = async () => {
    for (;;) {
      if (left.length === 0 && more !== undefined) await refill(more);
      if (left.length === 0 || !(await mayStart())) return;
      const item = left.shift();
      if (item !== undefined) await work(item);
    }
  };
  await scope.run(async () => {
    const lanes = Array.from({ length: more === undefined ? Math.min(size, items.length) : size }, lane);
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
