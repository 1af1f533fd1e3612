import { expect, test } from 'vitest';
import { parseFeatures } from '../../../pipelines/process/processor-features.ts';

test.each([
  [
    'processor\t: 0\nflags\t\t: fpu avx2 fma\nbugs\t\t: sysret\n\nprocessor\t: 1\nflags\t\t: other\n',
    ['fpu', 'avx2', 'fma'],
  ],
  ['processor\t: 0\nFeatures\t: fp asimd bf16\n', ['fp', 'asimd', 'bf16']],
  ['processor\t: 0\nmodel name\t: avx2\n', []],
])('a processor’s features are the words that Linux lists (%#)', (text, features) => {
  expect([...parseFeatures(text)]).toEqual(features);
});
