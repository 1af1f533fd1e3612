/** Streams of things that are too many to be held: taken some at a time, or gathered where they are few. */

/** So many at a time; the last ones may be fewer. */
export async function* pages<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<readonly T[]> {
  let page: T[] = [];
  for await (const item of items) {
    page.push(item);
    if (page.length < size) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

/** All of them in memory. */
export async function gathered<T>(blocks: AsyncIterable<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const block of blocks) for (const item of block) all.push(item);
  return all;
}
