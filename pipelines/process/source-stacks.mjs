// @ts-check
/**
 * Errors of a bundle's code name its sources. Node's own `--enable-source-maps` would read the maps of all packages
 * too as they are loaded; TensorFlow's take a fifth of a second.
 */
import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { pathToFileURL } from 'node:url';

/**
 * For this process, or thread. The bundle's map is read when a stack is asked for first.
 *
 * @param {string} bundle absolute path; its map lies beside it
 */
export function nameSources(bundle) {
  const url = pathToFileURL(bundle).href;
  /** @type {SourceMap | undefined} */
  let map;
  const place = new RegExp(`${url.replaceAll(/[.?+*()[\]{}|^$\\]/g, '\\$&')}:(\\d+):(\\d+)`, 'g');
  /** @param {string} frame */
  const named = (frame) =>
    frame.replaceAll(place, (found, /** @type {string} */ line, /** @type {string} */ column) => {
      map ??= new SourceMap(readMap(bundle));
      // Both count from 0 there, and from 1 in a stack.
      const entry = map.findEntry(Number(line) - 1, Number(column) - 1);
      if (!('originalSource' in entry)) return found;
      const { originalSource, originalLine, originalColumn } = entry;
      return `${new URL(originalSource, url).href}:${String(originalLine + 1)}:${String(originalColumn + 1)}`;
    });
  Error.prepareStackTrace = (error, frames) => {
    const lines = frames.map((frame) => `\n    at ${textOf(frame)}`).join('');
    try {
      return String(error) + named(lines);
    } catch {
      // Without a map the bundle's own lines have to do.
      return String(error) + lines;
    }
  };
}

/** @param {{ toString(): string }} frame */
function textOf(frame) {
  return frame.toString();
}

/**
 * @param {string} bundle
 * @returns {import('node:module').SourceMapPayload}
 */
function readMap(bundle) {
  /** @type {unknown} */
  const map = JSON.parse(readFileSync(`${bundle}.map`, 'utf8'));
  return /** @type {import('node:module').SourceMapPayload} */ (map);
}
