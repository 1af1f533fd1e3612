import { describe, expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors } from '../../../pipelines/training/safetensors.ts';

const FILE = {
  tensors: new Map([
    ['odd', { shape: [3], values: Float32Array.of(1, 2, 3) }],
    ['scalar', { shape: [], values: Float32Array.of(-0.5) }],
    ['matrix', { shape: [2, 2], values: Float32Array.of(1e-30, 1e30, NaN, -0) }],
    ['empty', { shape: [0, 4], values: new Float32Array() }],
  ]),
  metadata: { format: 'test', note: 'größer' },
};

describe('safetensors', () => {
  it('read back bit for bit what was written', () => {
    const { tensors, metadata } = decodeSafetensors(encodeSafetensors(FILE), 'test');
    expect(metadata).toEqual(FILE.metadata);
    expect(new Map([...tensors].sort())).toEqual(new Map([...FILE.tensors].sort()));
  });

  it('begin with a header padded to 8 bytes, as the format says', () => {
    const bytes = encodeSafetensors(FILE);
    const size = Number(bytes.readBigUInt64LE());
    expect(size % 8).toBe(0);
    const header = JSON.parse(bytes.subarray(8, 8 + size).toString()) as Record<string, unknown>;
    expect(header['matrix']).toEqual({ dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] });
  });

  it('are refused when cut off anywhere, or longer than they say', () => {
    const bytes = encodeSafetensors(FILE);
    for (let length = 0; length < bytes.length; length += 7) {
      expect(() => decodeSafetensors(bytes.subarray(0, length), 'cut.safetensors')).toThrow(/not whole/u);
    }
    expect(() => decodeSafetensors(Buffer.concat([bytes, Buffer.of(0)]), 'x')).toThrow(/left over/u);
  });
});
