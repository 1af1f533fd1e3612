/** An answer of the server, asked again when the question changes. */
import { useCallback, useEffect, useState } from 'preact/hooks';
import type { Problem } from '../../wire.ts';
import { ask, problemOf } from './api.ts';

export interface Answer<T> {
  readonly value: T | undefined;
  readonly problem: Problem | undefined;
  readonly asking: boolean;
  readonly again: () => void;
}

/**
 * @param path undefined: nothing is asked
 * @param revision another one asks again; the value of before stays until the answer
 */
export function useAnswer<T>(path: string | undefined, revision: unknown = 0): Answer<T> {
  const [state, setState] = useState<{ path?: string | undefined; value?: T; problem?: Problem }>({});
  const [asking, setAsking] = useState(false);
  const [count, setCount] = useState(0);
  useEffect(() => {
    if (path === undefined) return undefined;
    const stop = new AbortController();
    setAsking(true);
    ask<T>(path, stop.signal)
      .then((value) => setState({ path, value }))
      .catch((error: unknown) => {
        if (!stop.signal.aborted) setState({ path, problem: problemOf(error) });
      })
      .finally(() => {
        if (!stop.signal.aborted) setAsking(false);
      });
    return () => stop.abort();
  }, [path, revision, count]);
  const again = useCallback(() => setCount((n) => n + 1), []);
  return {
    value: path === undefined ? undefined : state.value,
    problem: state.path === path ? state.problem : undefined,
    asking,
    again,
  };
}
