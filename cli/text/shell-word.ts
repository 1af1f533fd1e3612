/** A word as a shell takes it: as it is where that is safe, else in single quotes (POSIX.1-2017, XCU 2.2.2). */
export function shellWord(text: string): string {
  return /^[\p{L}\p{N}_@%+=:,./-]+$/u.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
