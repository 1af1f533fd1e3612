import { expect, test } from 'vitest';
import { ModalmixError, describeError } from '../../schemas/errors.ts';
import { oneLine, printable, printableJson } from '../../schemas/printable.ts';

const CLEAR = '\u001b[2J';
const CLIPBOARD = '\u001b]52;c;cm0gLXJm\u0007';

test('control characters of both sets, and what turns text around, are shown and not obeyed', () => {
  expect(printable(`a${CLEAR}b${CLIPBOARD}\u009b31m\u007f\r\u202egpj.exe`)).toBe(
    String.raw`a\x1b[2Jb\x1b]52;c;cm0gLXJm\x07\x9b31m\x7f\r\u202egpj.exe`,
  );
});

test('names in any language, tabs and newlines of ours stay', () => {
  const text = 'ünï 日本 🐈‍⬛ نص\n\tcell';
  expect(printable(text)).toBe(text);
});

test('a name with a newline forges no line', () => {
  expect(oneLine('x.mp4\nerror: all is lost')).toBe(String.raw`x.mp4\nerror: all is lost`);
  const error = new ModalmixError('input', 'cannot be read\nerror: forged', { where: 'a\nb' });
  expect(describeError(error)).toBe(String.raw`a\nb: cannot be read` + '\n  error: forged');
});

test('JSON holds the same text, with nothing that a terminal obeys', () => {
  const facts = { name: `${CLEAR}\u009b\u202e` };
  const json = printableJson(JSON.stringify(facts));
  expect(json).toBe(String.raw`{"name":"\u001b[2J\u009b\u202e"}`);
  expect(JSON.parse(json)).toEqual(facts);
});
