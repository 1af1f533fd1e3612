/**
 * Which row counts for each clip: decides whether a record is new, a duplicate, outdated, or replaces the
 * row that is there, and in which split it stands. Rebuilt from the manifests when a sink starts.
 */
import type { Split } from '../../../schemas/clip.ts';

/** Where a row is; `shard` is unknown until its shard is published. */
export interface RowPlace {
  shard: string | undefined;
  readonly row: number;
}

export interface IndexedRow {
  readonly label: number;
  readonly split: Split;
  readonly group?: string;
  readonly contentHash: string;
  readonly sentAtMs: number;
  /** Absent: the row is the base version's, not the stream's. */
  readonly place?: RowPlace;
}

export interface RowCandidate {
  readonly clipId: string;
  readonly label: number;
  /** Undefined when the event named none. */
  readonly split: Split | undefined;
  readonly contentHash: string;
  readonly sentAtMs: number;
}

export type Verdict =
  | { readonly kind: 'new' }
  /** `newer`: it was sent later than what is known of the row; see `confirm`. */
  | { readonly kind: 'duplicate'; readonly newer: boolean }
  | { readonly kind: 'outdated' }
  | { readonly kind: 'supersedes'; readonly old: IndexedRow };

export class StreamIndex {
  readonly #rows = new Map<string, IndexedRow>();
  readonly #groups = new Map<string, Split>();

  get size(): number {
    return this.#rows.size;
  }

  judge(candidate: RowCandidate): Verdict {
    const known = this.#rows.get(candidate.clipId);
    if (known === undefined) return { kind: 'new' };
    const same =
      known.contentHash === candidate.contentHash &&
      known.label === candidate.label &&
      (candidate.split === undefined || settle(candidate.split, known.split) === known.split);
    if (same) return { kind: 'duplicate', newer: candidate.sentAtMs > known.sentAtMs };
    if (candidate.sentAtMs < known.sentAtMs) return { kind: 'outdated' };
    return { kind: 'supersedes', old: known };
  }

  set(clipId: string, row: IndexedRow): void {
    this.#rows.set(clipId, row);
    if (row.group !== undefined && !this.#groups.has(row.group)) this.#groups.set(row.group, row.split);
  }

  /** An event of `sentAtMs` says what the clip's row says: one that was sent before it is outdated. */
  confirm(clipId: string, sentAtMs: number): void {
    const known = this.#rows.get(clipId);
    if (known !== undefined && sentAtMs > known.sentAtMs) this.#rows.set(clipId, { ...known, sentAtMs });
  }

  /**
   * The split the clip has, or the one its group has: neither is spread over two unless an event says so.
   * @param named what the event says
   */
  splitOf(clipId: string, group: string | undefined, named: Split | undefined): Split | undefined {
    const known =
      this.#rows.get(clipId)?.split ?? (group === undefined ? undefined : this.#groups.get(group));
    return named === undefined ? known : settle(named, known);
  }
}

/**
 * `train` names the training list, from which the validation split is cut: what was set aside for validation
 * stays there when the list is sent.
 */
function settle(named: Split, known: Split | undefined): Split {
  return named === 'train' && known === 'validation' ? known : named;
}
