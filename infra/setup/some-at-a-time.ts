/** Many small jobs, a few of them at a time. */

/**
 * @param atATime ≥ 1
 * @throws what the first job that fails throws, once those that had begun are over
 */
export async function someAtATime<T>(
  jobs: Iterable<T>,
  atATime: number,
  perform: (job: T) => Promise<void>,
): Promise<void> {
  const left = [...jobs].reverse();
  const errors: unknown[] = [];
  const work = async () => {
    while (errors.length === 0) {
      const job = left.pop();
      if (job === undefined) return;
      await perform(job).catch((error: unknown) => errors.push(error));
    }
  };
  await Promise.all(Array.from({ length: atATime }, work));
  if (errors.length > 0) throw errors[0];
}
