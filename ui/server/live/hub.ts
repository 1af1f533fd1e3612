/**
 * What is looked at, live: one poller for all pages. A topic is read only while somebody watches it, at most twice a
 * second, and what goes out is what changed since the last time.
 */

/** The parts of a topic, each any value that JSON holds. */
export type Parts = Readonly<Record<string, unknown>>;

export interface Topic {
  readonly everyMs: number;
  read(): Promise<Parts>;
}

export interface Change {
  readonly topic: string;
  /** The first word of a topic to a page that watches it: these are all its parts. */
  readonly whole?: true;
  readonly set: Parts;
  readonly gone: readonly string[];
  /** Why it could not be read this time; the parts are those of before. */
  readonly trouble?: string;
}

export type Send = (change: Change) => void;

/** The least time between two looks. */
const TICK_MS = 500;

interface Watched {
  readonly name: string;
  readonly topic: Topic;
  readonly sends: Set<Send>;
  /** JSON by part. */
  parts: Map<string, string> | undefined;
  trouble: string | undefined;
  reading: boolean;
  dueAt: number;
}

export class Hub {
  readonly #find: (name: string) => Topic | undefined;
  readonly #describe: (error: unknown) => string;
  readonly #watched = new Map<string, Watched>();
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param find undefined for a name that is none
   * @param describe an error, for a person
   */
  constructor(find: (name: string) => Topic | undefined, describe: (error: unknown) => string) {
    this.#find = find;
    this.#describe = describe;
  }

  /** Whether anything is polled. */
  get isAwake(): boolean {
    return this.#timer !== undefined;
  }

  /** @returns ends it; names that are none are passed over */
  subscribe(names: readonly string[], send: Send): () => void {
    const mine: Watched[] = [];
    for (const name of new Set(names)) {
      const watched = this.#watch(name);
      if (watched === undefined) continue;
      mine.push(watched);
      watched.sends.add(send);
      if (watched.parts !== undefined) send(wholeOf(watched));
      else if (watched.trouble !== undefined) send(troubleOf(watched, watched.trouble));
    }
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
    this.#tick();
    return () => {
      for (const watched of mine) {
        watched.sends.delete(send);
        if (watched.sends.size === 0) this.#watched.delete(watched.name);
      }
      if (this.#watched.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  #watch(name: string): Watched | undefined {
    const known = this.#watched.get(name);
    if (known !== undefined) return known;
    const topic = this.#find(name);
    if (topic === undefined) return undefined;
    const watched = {
      ...{ name, topic, sends: new Set<Send>(), parts: undefined, trouble: undefined },
      ...{ reading: false, dueAt: 0 },
    };
    this.#watched.set(name, watched);
    return watched;
  }

  #tick(): void {
    const now = performance.now();
    for (const watched of this.#watched.values()) {
      if (watched.reading || watched.dueAt > now) continue;
      watched.reading = true;
      watched.dueAt = now + Math.max(TICK_MS, watched.topic.everyMs) - TICK_MS / 2;
      void this.#read(watched);
    }
  }

  async #read(watched: Watched): Promise<void> {
    try {
      tell(watched, await watched.topic.read(), undefined);
    } catch (error) {
      tell(watched, undefined, this.#describe(error));
    } finally {
      watched.reading = false;
    }
  }
}

function tell(watched: Watched, parts: Parts | undefined, trouble: string | undefined): void {
  const before = watched.parts;
  const troubled = trouble !== watched.trouble;
  watched.trouble = trouble;
  const now =
    parts === undefined
      ? before
      : new Map(Object.entries(parts).map(([key, value]) => [key, JSON.stringify(value)]));
  watched.parts = now;
  if (before === undefined && now !== undefined) {
    for (const send of watched.sends) send(wholeOf(watched));
    return;
  }
  const changed = [...(now ?? [])].filter(([key, json]) => before?.get(key) !== json);
  const gone = [...(before?.keys() ?? [])].filter((key) => now?.has(key) !== true);
  if (changed.length === 0 && gone.length === 0 && !troubled) return;
  const set = parsed(changed);
  const change = { topic: watched.name, set, gone, ...(trouble === undefined ? {} : { trouble }) };
  for (const send of watched.sends) send(change);
}

function wholeOf({ name, parts, trouble }: Watched): Change {
  return {
    ...{ topic: name, whole: true, set: parsed(parts ?? []), gone: [] },
    ...(trouble === undefined ? {} : { trouble }),
  };
}

/** Of a topic that has never been read. */
function troubleOf({ name }: Watched, trouble: string): Change {
  return { topic: name, set: {}, gone: [], trouble };
}

function parsed(entries: Iterable<readonly [string, string]>): Parts {
  return Object.fromEntries([...entries].map(([key, json]) => [key, JSON.parse(json) as unknown]));
}
