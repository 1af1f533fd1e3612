/** Watching: one poller for all, only what changed, nothing while nobody looks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { until } from '../support/observe.ts';
import { Hub, type Change, type Parts } from '../../ui/server/live/hub.ts';

function watchable() {
  const state = { parts: { a: 1, b: { c: 2 } } as Parts, reads: 0, fails: false };
  const hub = new Hub(
    (name) =>
      name === 'known'
        ? {
            everyMs: 0,
            read: () => {
              state.reads += 1;
              return state.fails ? Promise.reject(new Error('away')) : Promise.resolve(state.parts);
            },
          }
        : undefined,
    (error) => (error as Error).message,
  );
  return { state, hub };
}

it('sends the whole once, then what changed; two pages cost one poller; none costs nothing', async () => {
  const { state, hub } = watchable();
  const [first, second]: [Change[], Change[]] = [[], []];
  const endFirst = hub.subscribe(['known', 'unknown'], (change) => first.push(change));
  await until('the whole', () => first.length === 1);
  expect(first[0]).toEqual({ topic: 'known', whole: true, set: { a: 1, b: { c: 2 } }, gone: [] });
  const endSecond = hub.subscribe(['known'], (change) => second.push(change));
  expect(second).toHaveLength(1);

  const reads = state.reads;
  await sleep(1_700);
  // At most twice a second, for both.
  expect(state.reads - reads).toBeGreaterThanOrEqual(2);
  expect(state.reads - reads).toBeLessThanOrEqual(4);
  expect(first).toHaveLength(1);

  state.parts = { b: { c: 3 }, d: 'new' };
  await until('the change', () => first.length === 2 && second.length === 2);
  expect(first[1]).toEqual({ topic: 'known', set: { b: { c: 3 }, d: 'new' }, gone: ['a'] });
  state.fails = true;
  await until('the trouble', () => first.length === 3);
  expect(first[2]).toEqual({ topic: 'known', set: {}, gone: [], trouble: 'away' });
  state.fails = false;
  await until('the end of it', () => first.length === 4);
  expect(first[3]).toEqual({ topic: 'known', set: {}, gone: [] });

  endFirst();
  expect(hub.isAwake).toBe(true);
  endSecond();
  expect(hub.isAwake).toBe(false);
  const after = state.reads;
  await sleep(1_200);
  expect(state.reads).toBe(after);
});

it('tells of the trouble of a topic that was never read, to who comes later too', async () => {
  const { state, hub } = watchable();
  state.fails = true;
  const [first, second]: [Change[], Change[]] = [[], []];
  const endFirst = hub.subscribe(['known'], (change) => first.push(change));
  await until('the trouble', () => first.length === 1);
  const endSecond = hub.subscribe(['known'], (change) => second.push(change));
  expect(second).toEqual([{ topic: 'known', set: {}, gone: [], trouble: 'away' }]);
  expect(first).toEqual(second);
  state.fails = false;
  await until('the whole', () => second.length === 2);
  expect(second[1]).toEqual({ topic: 'known', whole: true, set: { a: 1, b: { c: 2 } }, gone: [] });
  endFirst();
  endSecond();
});
