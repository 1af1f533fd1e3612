/** Rows of older shards, for clips whose features were computed before. */
import { ModalmixError } from '../../../schemas/errors.ts';
import type { Modality } from '../../../schemas/modality.ts';
import type { Store } from '../../store/store.ts';
import type { PlanClip } from '../plan/plan-file.ts';
import type { ShardRow } from '../read/row-reader.ts';
import { findShard } from '../manifest/shard-entries.ts';
import { ShardFile } from '../read/shard-file.ts';

interface OpenShard {
  readonly file: ShardFile;
  readonly rowOf: ReadonlyMap<string, number>;
}

export class ReusableRows {
  readonly #store: Store;
  readonly #name: string;
  readonly #modalities: readonly Modality[];
  readonly #open = new Map<string, Promise<OpenShard | undefined>>();
  readonly #files: ShardFile[] = [];

  constructor(store: Store, name: string, modalities: readonly Modality[]) {
    this.#store = store;
    this.#name = name;
    this.#modalities = modalities;
  }

  /** The row the plan points to, or undefined when there is none, or its shard is gone or damaged. */
  async find(clip: PlanClip): Promise<ShardRow | undefined> {
    if (clip.reuse === undefined) return undefined;
    const { split, key, clipId } = clip.reuse;
    let shard = this.#open.get(key);
    if (shard === undefined) {
      shard = this.#openShard(split, key);
      this.#open.set(key, shard);
    }
    const opened = await shard;
    const row = opened?.rowOf.get(clipId);
    return row === undefined ? undefined : opened?.file.read(row);
  }

  close(): void {
    for (const file of this.#files.splice(0)) file.close();
  }

  async #openShard(split: 'train' | 'validation' | 'test', key: string): Promise<OpenShard | undefined> {
    const entry = await findShard(this.#store, this.#name, split, key);
    if (entry === undefined || entry.rows === 0) return undefined;
    try {
      const file = await ShardFile.open(this.#store, entry, this.#modalities);
      this.#files.push(file);
      return { file, rowOf: new Map(file.table.clipIds.map((clipId, row) => [clipId, row])) };
    } catch (error) {
      // A damaged shard costs time, not the rebuild: its clips are extracted again.
      if (error instanceof ModalmixError && error.kind === 'input') return undefined;
      throw error;
    }
  }
}
