/** Where a training's batches come from: in the order asked for, each made while the one before it is used. */
import type { Split } from '../../../schemas/clip.ts';
import type { ShardSet } from '../../shards/read/shard-reader.ts';
import { BatchReader, type Batch, type BatchReaderOptions, type Variation } from './batches.ts';
import { BatchThread, type ThreadSession } from './batch-thread.ts';

export interface BatchSource {
  /**
   * The batches of the row lists given, in their order. A batch is valid until the next is asked for; only one such
   * sequence of a source may be under way.
   *
   * @param variation absent: pictures as in testing
   */
  batches(lists: readonly Int32Array[], variation?: Variation): AsyncIterable<Batch>;
}

export interface BatchSources<Name extends string> {
  readonly of: Readonly<Record<Name, BatchSource>>;
  /** To be called before the shards are closed: nothing is read afterwards. */
  close(): Promise<void>;
}

/**
 * Reads splits in a thread of its own, which crops, flips and normalises too; splits that lie in no files are read
 * where they are. Either way the same batches to the last bit.
 */
export async function openBatches<Name extends string = Split>(
  splits: Readonly<Record<Name, ShardSet>>,
  options: BatchReaderOptions,
): Promise<BatchSources<Name>> {
  const names = Object.keys(splits) as Name[];
  const threaded = names.every((name) => splits[name].files !== undefined);
  if (!threaded) {
    const of = Object.fromEntries(names.map((name) => [name, inPlace(splits[name], options)]));
    return { of: of as Record<Name, BatchSource>, close: () => Promise.resolve() };
  }
  const session = await BatchThread.shared().open(splits, options);
  const of = Object.fromEntries(names.map((name) => [name, ahead(session, name)]));
  return {
    of: of as Record<Name, BatchSource>,
    close: async () => {
      await session.close();
    },
  };
}

function inPlace(shards: ShardSet, options: BatchReaderOptions): BatchSource {
  const reader = new BatchReader(shards, options);
  return {
    batches: async function* (lists, variation) {
      for (const rows of lists) yield reader.read(rows, variation);
    },
  };
}

/** One batch ahead: the thread writes to one of two places while the other is used. */
function ahead(session: ThreadSession, split: string): BatchSource {
  return {
    batches: async function* (lists, variation) {
      const ask = (place: number): Promise<Batch> | undefined => {
        const rows = lists[place];
        if (rows === undefined) return undefined;
        const asked = session.read(split, rows, variation);
        // Told when its turn comes.
        asked.catch(() => undefined);
        return asked;
      };
      let coming = ask(0);
      try {
        for (let place = 1; coming !== undefined; place += 1) {
          const batch = await coming;
          coming = ask(place);
          yield batch;
        }
      } finally {
        // Left early, the thread may still be writing; the next sequence must not meet it.
        await coming?.catch(() => undefined);
      }
    },
  };
}
