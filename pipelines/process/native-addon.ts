/** Our own compiled parts: set-up puts them in place, and without them the same is done in JavaScript. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

export interface NativeAddon<T> {
  /** Where set-up puts it. */
  readonly path: string;
  /** Loaded when first asked for; undefined: it is not compiled, or not for this machine. */
  readonly load: () => T | undefined;
}

/** @param name of the file, without its ending */
export function nativeAddon<T>(name: string): NativeAddon<T> {
  const path = fileURLToPath(
    new URL(`../../node_modules/.cache/modalmix/native/${name}.node`, import.meta.url),
  );
  let loaded: { readonly addon: T | undefined } | undefined;
  return {
    path,
    load: () => {
      loaded ??= { addon: loadFrom(path) as T | undefined };
      return loaded.addon;
    },
  };
}

function loadFrom(path: string): unknown {
  if (!existsSync(path)) return undefined;
  try {
    return createRequire(import.meta.url)(path);
  } catch {
    return undefined;
  }
}
