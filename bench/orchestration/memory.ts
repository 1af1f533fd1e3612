/** What a measured worker tells of its memory. */
export interface MemoryMessage {
  readonly rssBytes: number;
}

export const MEMORY_EVERY_MS = 200;
