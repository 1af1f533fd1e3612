/**
 * The rows this worker published last, so that an event sent twice is not extracted twice. Only a saving:
 * the sink is what drops duplicates for good.
 */
const KEPT_CLIPS = 100_000;

export class KnownRows {
  readonly #published = new Map<string, { readonly fingerprint: string; readonly sentAtMs: number }>();
  readonly #underWay = new Map<string, number>();

  /** An event of the clip was read. */
  begin(clipId: string): void {
    this.#underWay.set(clipId, (this.#underWay.get(clipId) ?? 0) + 1);
  }

  /** What became of it is published. */
  end(clipId: string): void {
    const left = (this.#underWay.get(clipId) ?? 1) - 1;
    if (left === 0) this.#underWay.delete(clipId);
    else this.#underWay.set(clipId, left);
  }

  /** False as long as another event of the clip is under way: it may change what is published. */
  has(clipId: string, fingerprint: string, sentAtMs: number): boolean {
    const known = this.#published.get(clipId);
    if (this.#underWay.get(clipId) !== 1 || known === undefined) return false;
    return known.fingerprint === fingerprint && sentAtMs <= known.sentAtMs;
  }

  add(clipId: string, fingerprint: string, sentAtMs: number): void {
    this.#published.delete(clipId);
    this.#published.set(clipId, { fingerprint, sentAtMs });
    if (this.#published.size > KEPT_CLIPS) {
      const oldest = this.#published.keys().next();
      if (oldest.done !== true) this.#published.delete(oldest.value);
    }
  }

  clear(): void {
    this.#published.clear();
    this.#underWay.clear();
  }
}
