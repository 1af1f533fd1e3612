/** Names that look alike and differ only in how their accents are composed (Unicode's NFC and NFD) are one. Pure. */

/**
 * @param names all that are there
 * @returns the form under which a name is known: its own where no other name looks like it, else the composed one
 */
export function oneForm(names: Iterable<string>): (name: string) => string {
  const forms = new Map<string, Set<string>>();
  for (const name of names) {
    const composed = name.normalize('NFC');
    forms.set(composed, (forms.get(composed) ?? new Set()).add(name));
  }
  return (name) => {
    const composed = name.normalize('NFC');
    return (forms.get(composed)?.size ?? 0) > 1 ? composed : name;
  };
}

/** The index of the name that looks like this one; -1 where none does. */
export function indexOfName(names: readonly string[], name: string): number {
  const exact = names.indexOf(name);
  return exact === -1 ? names.findIndex((one) => one.normalize('NFC') === name.normalize('NFC')) : exact;
}

/** Looks names up as they are, else without their case where only one of them is meant. */
export function withoutCase<T>(entries: ReadonlyMap<string, T>): (name: string) => T | undefined {
  const folded = new Map<string, T | undefined>();
  for (const [name, value] of entries) {
    const key = name.toLowerCase();
    folded.set(key, folded.has(key) ? undefined : value);
  }
  return (name) => entries.get(name) ?? folded.get(name.toLowerCase());
}
