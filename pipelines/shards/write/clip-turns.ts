/** How many clips a process extracts at a time, and whose turn it is when several shards are being built. */
import { usableCores } from '../../process/machine/machine.ts';

/** Of one shard that is being built. */
export interface ShardTurns {
  /** Runs the task when it is its turn. */
  readonly take: <T>(task: () => Promise<T>) => Promise<T>;
  /** Gives the place up. What still waits, and what is yet to come, runs at once: to find that it need not. */
  readonly leave: () => void;
}

/**
 * The shard that began first goes first, so that it is soon complete; the next one gets what cores it leaves free: when its
 * last clips are extracted, and while its file is brought to the disk.
 */
export class ClipTurns {
  /** Clips at a time. */
  readonly size: number;
  #running = 0;
  /** What waits, by shard. */
  readonly #queues: (() => void)[][] = [];

  constructor(size = usableCores()) {
    this.size = size;
  }

  /** A place behind all shards that are being built. */
  join(): ShardTurns {
    const queue: (() => void)[] = [];
    this.#queues.push(queue);
    let hasLeft = false;
    return {
      take: async (task) => {
        if (hasLeft) return await task();
        await new Promise<void>((resolve) => {
          queue.push(resolve);
          this.#startNext();
        });
        try {
          return await task();
        } finally {
          this.#running -= 1;
          this.#startNext();
        }
      },
      leave: () => {
        if (hasLeft) return;
        hasLeft = true;
        this.#queues.splice(this.#queues.indexOf(queue), 1);
        for (const start of queue.splice(0)) this.#start(start);
      },
    };
  }

  #startNext(): void {
    while (this.#running < this.size) {
      const start = this.#queues.find(({ length }) => length > 0)?.shift();
      if (start === undefined) return;
      this.#start(start);
    }
  }

  #start(start: () => void): void {
    this.#running += 1;
    start();
  }
}
