/**
 * A bundle's source map without the place where it was built: paths are relative to the project, so that two checkouts give the
 * same bytes and a package tells nobody's folders. Pure.
 * Format: https://tc39.es/ecma426/
 */
import { z } from 'zod';

const MARK = '//# sourceMappingURL=data:application/json;charset=utf-8;base64,';
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const MORE = 32;
const BITS = 5;

const mapSchema = z.looseObject({
  file: z.string(),
  sources: z.array(z.string()),
  sourcesContent: z.array(z.string().nullable()),
  mappings: z.string(),
});

/**
 * @param code ends with its map, in base64
 * @param file what the bundle is called now
 * @param folder the project's
 */
export function withPortableMap(code: string, file: string, folder: string): string {
  const at = code.lastIndexOf(MARK);
  if (at < 0) return code;
  const text = Buffer.from(code.slice(at + MARK.length).trim(), 'base64').toString('utf8');
  const map = mapSchema.parse(JSON.parse(text));
  // What bundlers write themselves names paths, and what stands behind one in a line is as far from its start as that is long.
  const placed = new Set(
    map.sourcesContent.flatMap((content, i) => (content?.includes(folder) === true ? [i] : [])),
  );
  const portable = (words: string) => words.replaceAll(`${folder}/`, '').replaceAll(folder, '.');
  const rewritten = {
    ...map,
    file,
    sources: map.sources.map(portable),
    sourcesContent: map.sourcesContent.map((content) => content && portable(content)),
    mappings: withoutColumns(map.mappings, placed),
  };
  return `${code.slice(0, at)}${MARK}${Buffer.from(JSON.stringify(rewritten)).toString('base64')}`;
}

/** @param sources whose columns become 0 */
function withoutColumns(mappings: string, sources: ReadonlySet<number>): string {
  const [SOURCE, COLUMN] = [1, 3];
  // The column in the bundle begins anew with each line, all others go on from the segment before.
  const [read, written] = [
    [0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0],
  ];
  return mappings
    .split(';')
    .map((line) => {
      read[0] = 0;
      written[0] = 0;
      return line
        .split(',')
        .map((segment) => {
          const steps = decode(segment);
          const now = steps.map((step, i) => (read[i] = read[i]! + step));
          if (steps.length > COLUMN && sources.has(now[SOURCE]!)) now[COLUMN] = 0;
          return now
            .map((value, i) => {
              const step = value - written[i]!;
              written[i] = value;
              return encode(step);
            })
            .join('');
        })
        .join(',');
    })
    .join(';');
}

function decode(segment: string): number[] {
  const values: number[] = [];
  let [value, shift] = [0, 0];
  for (const letter of segment) {
    const digit = DIGITS.indexOf(letter);
    value += (digit & (MORE - 1)) << shift;
    shift += BITS;
    if ((digit & MORE) !== 0) continue;
    values.push((value & 1) === 1 ? -(value >>> 1) : value >>> 1);
    [value, shift] = [0, 0];
  }
  return values;
}

function encode(value: number): string {
  let left = value < 0 ? (-value << 1) | 1 : value << 1;
  let text = '';
  do {
    const digit = left & (MORE - 1);
    left >>>= BITS;
    text += DIGITS.charAt(left > 0 ? digit | MORE : digit);
  } while (left > 0);
  return text;
}
