import { expect, test } from 'vitest';
import { withPortableMap } from '../../infra/package/portable-map.ts';

const MARK = '//# sourceMappingURL=data:application/json;charset=utf-8;base64,';
const bundle = (map: object) => `code();\n${MARK}${Buffer.from(JSON.stringify(map)).toString('base64')}`;
const mapOf = (code: string): unknown =>
  JSON.parse(Buffer.from(code.slice(code.lastIndexOf(MARK) + MARK.length), 'base64').toString());

/** Two segments: of `a.ts`, 1:2, and of the entry, which names the folder, at the column that `column` encodes. */
const map = (folder: string, column: string) => ({
  ...{ version: 3, file: 'bundle-0a1b.js', names: [], sourceRoot: '' },
  sources: [`${folder}/src/a.ts`, `${folder}/entry.js`],
  sourcesContent: ['a', `require("${folder}/src/a.ts"); b()`],
  mappings: `AAAE,EC${column};AAAA`,
});

test('the same sources in two folders give the same map, which names neither', () => {
  // 40 and 60: as far behind the path as it is long.
  const one = withPortableMap(bundle(map('/home/me/x', 'AwC')), 'bundle.js', '/home/me/x');
  const other = withPortableMap(
    bundle(map('/srv/build/modalmix', 'A4D')),
    'bundle.js',
    '/srv/build/modalmix',
  );
  expect(other).toBe(one);
  expect(mapOf(one)).toMatchObject({
    ...{ file: 'bundle.js', sources: ['src/a.ts', 'entry.js'] },
    sourcesContent: ['a', 'require("src/a.ts"); b()'],
  });
});

test('positions in sources that name no folder stay as they are', () => {
  const whole = { ...map('/x', 'AwC'), sourcesContent: ['a', 'b'], mappings: 'AAAE,ECAwC;AAAA,gBADdA;;ACtB' };
  expect(mapOf(withPortableMap(bundle(whole), 'bundle.js', '/x'))).toMatchObject({
    mappings: whole.mappings,
  });
});
