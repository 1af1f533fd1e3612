/** The records of fixed width at the end of a plan's body: where each shard's line lies, and which shard it is. */
import { SPLITS, type Split } from '../../../schemas/clip.ts';
import { ModalmixError } from '../../../schemas/errors.ts';

export interface PlanPlace {
  readonly split: Split;
  /** 32 hexadecimal digits. */
  readonly key: string;
  readonly clips: number;
  /** Of the line, in bytes from the first one. */
  readonly offset: number;
  readonly bytes: number;
}

const KEY_BYTES = 16;
const LAYOUT = { offset: 0, bytes: 8, clips: 12, split: 16, key: 20 } as const;
export const PLACE_BYTES = LAYOUT.key + KEY_BYTES;

/** Little-endian: offset u64, bytes u32, clips u32, split u8 (index into `SPLITS`), 3 bytes of zero, key. */
export function encodePlace({ split, key, clips, offset, bytes }: PlanPlace): Buffer {
  const record = Buffer.alloc(PLACE_BYTES);
  record.writeBigUInt64LE(BigInt(offset), LAYOUT.offset);
  record.writeUInt32LE(bytes, LAYOUT.bytes);
  record.writeUInt32LE(clips, LAYOUT.clips);
  record.writeUInt8(SPLITS.indexOf(split), LAYOUT.split);
  if (record.write(key, LAYOUT.key, 'hex') !== KEY_BYTES || key.length !== 2 * KEY_BYTES) {
    throw new ModalmixError('internal', `"${key}" is no shard key`);
  }
  return record;
}

/** @throws ModalmixError `input` for bytes that are no such records */
export function decodePlaces(records: Buffer): PlanPlace[] {
  return Array.from({ length: records.length / PLACE_BYTES }, (_, i) => {
    const record = records.subarray(i * PLACE_BYTES, (i + 1) * PLACE_BYTES);
    const split = SPLITS[record.readUInt8(LAYOUT.split)];
    if (split === undefined) {
      throw new ModalmixError('input', "the plan's table of shards is damaged", {
        fix: 'Delete the plan and run the rebuild again.',
      });
    }
    return {
      split,
      key: record.subarray(LAYOUT.key).toString('hex'),
      clips: record.readUInt32LE(LAYOUT.clips),
      offset: Number(record.readBigUInt64LE(LAYOUT.offset)),
      bytes: record.readUInt32LE(LAYOUT.bytes),
    };
  });
}
