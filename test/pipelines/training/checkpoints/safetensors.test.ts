import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  decodeSafetensors,
  encodeSafetensors,
  writeSafetensors,
  type TensorSource,
} from '../../../../pipelines/training/checkpoints/safetensors.ts';
import { testPython } from '../../../reference/python.ts';

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

  it('are the same bytes when written a tensor at a time, whose hash may stand in the header', () => {
    const folder = mkdtempSync(join(tmpdir(), 'modalmix-'));
    const path = join(folder, 'x.safetensors');
    const sources = [...FILE.tensors].map(([name, { shape, values }]) => [
      name,
      { shape, read: () => values },
    ]);
    const hash = createHash('sha256');
    for (const name of ['empty', 'matrix', 'odd', 'scalar']) {
      hash.update(`${name}\0`).update(new Uint8Array(FILE.tensors.get(name)!.values.buffer));
    }
    const sha256 = hash.digest('hex');
    writeSafetensors(path, new Map(sources as [string, TensorSource][]), (found) => ({
      ...FILE.metadata,
      sha256: found,
    }));
    const written = readFileSync(path);
    rmSync(folder, { recursive: true });
    expect(written).toEqual(encodeSafetensors({ ...FILE, metadata: { ...FILE.metadata, sha256 } }));
  });

  it('are understood by a reader of NumPy’s', () => {
    const folder = mkdtempSync(join(tmpdir(), 'modalmix-'));
    const path = join(folder, 'x.safetensors');
    writeFileSync(path, encodeSafetensors(FILE));
    const script = `
import json, struct, sys
import numpy as np
raw = open(sys.argv[1], "rb").read()
(n,) = struct.unpack("<Q", raw[:8])
header = json.loads(raw[8:8 + n])
header.pop("__metadata__")
ends = sorted(tuple(e["data_offsets"]) for e in header.values())
assert ends[0][0] == 0 and ends[-1][1] == len(raw) - 8 - n
assert all(a[1] == b[0] for a, b in zip(ends, ends[1:]))
out = {}
for name, e in header.items():
    a, b = e["data_offsets"]
    out[name] = np.frombuffer(raw[8 + n + a:8 + n + b], "<f4").reshape(e["shape"])
print(json.dumps([out["odd"].tolist(), float(out["scalar"]), float(out["matrix"][0, 1]), list(out["empty"].shape)]))
`;
    const printed = execFileSync(testPython(), ['-c', script, path], { encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    expect(JSON.parse(printed)).toEqual([[1, 2, 3], -0.5, Math.fround(1e30), [0, 4]]);
  });

  it('are refused when cut off anywhere, or longer than they say', () => {
    const bytes = encodeSafetensors(FILE);
    for (let length = 0; length < bytes.length; length += 7) {
      expect(() => decodeSafetensors(bytes.subarray(0, length), 'cut.safetensors')).toThrow(/not whole/u);
    }
    expect(() => decodeSafetensors(Buffer.concat([bytes, Buffer.of(0)]), 'x')).toThrow(/left over/u);
  });

  it.each([
    [
      'over one another',
      [
        [0, 16],
        [0, 16],
      ],
      '"b" lies over another tensor',
    ],
    [
      'partly over one another',
      [
        [0, 16],
        [8, 24],
      ],
      '"b" lies over another tensor',
    ],
    [
      'with a gap',
      [
        [0, 16],
        [24, 40],
      ],
      'there is a gap before "b"',
    ],
    [
      'beyond the end',
      [
        [0, 16],
        [16, 4_000],
      ],
      '"b" ends after the file',
    ],
    [
      'before they begin',
      [
        [0, 16],
        [16, 8],
      ],
      '"b" ends before it begins',
    ],
  ] as const)('whose tensors lie %s are refused', (_, [a, b], problem) => {
    const entry = (offsets: readonly number[]) => ({ dtype: 'F32', shape: [4], data_offsets: offsets });
    const header = Buffer.from(JSON.stringify({ a: entry(a), b: entry(b) }));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(header.length));
    const file = Buffer.concat([size, header, Buffer.alloc(40)]);
    expect(() => decodeSafetensors(file, 'x.safetensors')).toThrow(problem);
  });
});
