/** A line of a stream's rows file: who a row is, and which event it came from. */
export const STREAM_ROW = {
  clipId: 'a',
  label: 0,
  split: 'train',
  contentHash: '0',
  sentAtMs: 1,
  partition: 0,
  offset: 3,
} as const;
