/**
 * Text that others wrote (file names, labels, events, what a program said) on its way to a terminal. A terminal obeys
 * control characters: they clear the screen, set the clipboard, write over what stands there. Pure.
 */

/**
 * C0 and C1 controls but tab and newline, and what turns the direction of text or breaks a line; ZERO WIDTH JOINER and
 * its like stay, since names in many languages need them.
 */
// eslint-disable-next-line no-control-regex -- they are what is looked for
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** With control characters as a person can read them: `\x1b`, `\u202e`. What is printable already stays as it is. */
export function printable(text: string): string {
  return text.replace(OBEYED, readable);
}

/** As `printable`, and in one line: a name that holds a newline forges no line of ours. */
export function oneLine(text: string): string {
  return printable(text.replaceAll('\n', String.raw`\n`).replaceAll('\t', String.raw`\t`));
}

/** JSON with the characters that `JSON.stringify` leaves, and a terminal obeys, escaped too. */
export function printableJson(json: string): string {
  return json.replace(OBEYED, (character) => `\\u${hex(character, 4)}`);
}

function readable(character: string): string {
  if (character === '\r') return String.raw`\r`;
  return character < '\u0100' ? `\\x${hex(character, 2)}` : `\\u${hex(character, 4)}`;
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, '0');
}
