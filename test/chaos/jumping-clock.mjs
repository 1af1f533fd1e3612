/** Loaded before a process's own code (`--import`): its wall clock is off by what a file says, and jumps when that changes. */
import { readFileSync } from 'node:fs';

const POLL_MS = 200;
const file = process.env.MODALMIX_CHAOS_CLOCK ?? '';
const RealDate = Date;
let offsetMs = 0;

function look() {
  try {
    offsetMs = Number(readFileSync(file, 'utf8'));
  } catch {
    // Nobody has struck yet.
  }
}

if (file !== '') {
  look();
  setInterval(look, POLL_MS).unref();
  const now = () => RealDate.now() + offsetMs;
  globalThis.Date = new Proxy(RealDate, {
    apply: () => new RealDate(now()).toString(),
    construct: (target, words, newTarget) => {
      /** @type {unknown} */
      const date = Reflect.construct(target, words.length === 0 ? [now()] : words, newTarget);
      return /** @type {object} */ (date);
    },
    get: (target, name, receiver) =>
      name === 'now' ? now : /** @type {unknown} */ (Reflect.get(target, name, receiver)),
  });
}
