/** A store whose user is killed: after so many writes none is done any more. */
import type { Store } from '../../pipelines/store/store.ts';

/** @param writing the methods that count; each is refused whole, as each is done whole */
export function killedAfter(store: Store, writes: number, writing: readonly (keyof Store)[]): Store {
  let left = writes;
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const call = (value as (...values: unknown[]) => unknown).bind(target);
      if (!(writing as readonly (string | symbol)[]).includes(name)) return call;
      return async (...values: unknown[]) => {
        if (left === 0) throw new Error('killed');
        left -= 1;
        return await call(...values);
      };
    },
  });
}
