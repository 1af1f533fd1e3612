import { describe, expect, test } from 'vitest';
import { ClipTurns, type ShardTurns } from '../../../../pipelines/shards/write/clip-turns.ts';

/** Tasks that end when they are told to, and the order in which they began. */
function observedTasks() {
  const begun: string[] = [];
  const end = new Map<string, () => void>();
  const take = async (turns: ShardTurns, name: string): Promise<void> => {
    await turns.take(async () => {
      begun.push(name);
      await new Promise<void>((resolve) => end.set(name, resolve));
    });
  };
  return { begun, end: (name: string) => end.get(name)?.(), take };
}

async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

describe('the turns of clips', () => {
  test('the shard that began first goes first, and the next takes what it leaves free', async () => {
    const turns = new ClipTurns(2);
    const { begun, end, take } = observedTasks();
    const [first, second] = [turns.join(), turns.join()];

    const all = [take(second, 'second 0'), take(second, 'second 1'), take(second, 'second 2')];
    all.push(take(first, 'first 0'), take(first, 'first 1'));
    await settle();
    expect(begun).toEqual(['second 0', 'second 1']);

    for (const name of ['second 0', 'second 1', 'first 0', 'first 1', 'second 2']) {
      await settle();
      end(name);
    }
    await Promise.all(all);
    expect(begun).toEqual(['second 0', 'second 1', 'first 0', 'first 1', 'second 2']);
  });

  test('a task that fails gives its turn to the next', async () => {
    const turns = new ClipTurns(1);
    const shard = turns.join();

    const failing = shard.take(async () => await Promise.reject(new Error('broken clip')));
    const next = shard.take(async () => await Promise.resolve('extracted'));

    await expect(failing).rejects.toThrow('broken clip');
    await expect(next).resolves.toBe('extracted');
  });

  test('whoever leaves waits for nobody, and takes nothing from the others', async () => {
    const turns = new ClipTurns(1);
    const { begun, end, take } = observedTasks();
    const [first, second, third] = [turns.join(), turns.join(), turns.join()];
    const long = take(first, 'first');
    const stopped = [take(second, 'stopped 0'), take(second, 'stopped 1')];
    const waiting = take(third, 'third');
    await settle();

    second.leave();
    stopped.push(take(second, 'stopped late'));
    await settle();
    expect(begun.toSorted()).toEqual(['first', 'stopped 0', 'stopped 1', 'stopped late']);
    for (const name of ['stopped 0', 'stopped 1', 'stopped late']) end(name);
    await Promise.all(stopped);
    await settle();
    expect(begun).not.toContain('third');

    end('first');
    await Promise.all([long, settle()]);
    expect(begun).toContain('third');
    end('third');
    await waiting;
  });
});
