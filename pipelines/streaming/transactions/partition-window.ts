/**
 * What was read and is not yet published, per partition and in order: work finishes in any order, offsets
 * may only be committed up to the first unfinished one.
 */

export interface WindowSlot<T> {
  readonly partition: number;
  readonly offset: number;
  /** Undefined while being worked on. */
  outcome: T | undefined;
}

export interface ReadyPrefix<T> {
  readonly slots: readonly WindowSlot<T>[];
  /** By partition: the offset after the last of `slots`. */
  readonly nextOffsets: ReadonlyMap<number, number>;
}

export class PartitionWindow<T> {
  readonly #queues = new Map<number, WindowSlot<T>[]>();
  readonly #lastOffsets = new Map<number, number>();
  #size = 0;

  /** Slots that were added and neither confirmed nor dropped. */
  get size(): number {
    return this.#size;
  }

  /** Undefined when that offset, or a later one of its partition, was added before. */
  add(partition: number, offset: number): WindowSlot<T> | undefined {
    if (offset <= (this.#lastOffsets.get(partition) ?? -1)) return undefined;
    this.#lastOffsets.set(partition, offset);
    const slot: WindowSlot<T> = { partition, offset, outcome: undefined };
    const queue = this.#queues.get(partition);
    if (queue === undefined) this.#queues.set(partition, [slot]);
    else queue.push(slot);
    this.#size += 1;
    return slot;
  }

  /** The finished slots at the head of each partition, until `isFull` says that the batch holds enough. */
  ready(isFull: (slots: readonly WindowSlot<T>[]) => boolean = () => false): ReadyPrefix<T> {
    const slots: WindowSlot<T>[] = [];
    const nextOffsets = new Map<number, number>();
    for (const [partition, queue] of this.#queues) {
      for (const slot of queue) {
        if (slot.outcome === undefined || isFull(slots)) break;
        slots.push(slot);
        nextOffsets.set(partition, slot.offset + 1);
      }
    }
    return { slots, nextOffsets };
  }

  /** Forgets the slots of a prefix that `ready` gave. */
  confirm(prefix: ReadyPrefix<T>): void {
    for (const [partition, next] of prefix.nextOffsets) {
      const queue = this.#queues.get(partition) ?? [];
      const kept = queue.filter((slot) => slot.offset >= next);
      this.#size -= queue.length - kept.length;
      this.#queues.set(partition, kept);
    }
  }

  /** Forgets everything: the partitions now belong to somebody else, or come again from what is committed. */
  clear(): void {
    this.#queues.clear();
    this.#lastOffsets.clear();
    this.#size = 0;
  }
}
