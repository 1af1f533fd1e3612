/** An answer of the server, asked again when the question changes. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Problem } from '../../wire.ts';
import { ask, mayPass, problemOf } from './api.ts';

export interface Answer<T> {
  readonly value: T | undefined;
  readonly problem: Problem | undefined;
  readonly again: () => void;
}

interface State<T> {
  readonly path: string;
  readonly value?: T;
  readonly problem?: Problem;
}

const TRY_AGAIN_MS = 2_000;

/**
 * @param path undefined: nothing is asked. The value of another path stays until the answer
 * @param revision another one asks again, when the answer that is under way is there
 */
export function useAnswer<T>(path: string | undefined, revision: unknown = 0): Answer<T> {
  const [state, setState] = useState<State<T> | undefined>();
  const asking = useRef<(() => void) | undefined>(undefined);
  useEffect(() => {
    if (path === undefined) return undefined;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let [busy, isOld] = [false, false];
    const begin = () => {
      clearTimeout(timer);
      isOld = busy;
      if (busy) return;
      busy = true;
      ask<T>(path, stop.signal)
        .then((value) => setState({ path, value }))
        .catch((error: unknown) => {
          if (stop.signal.aborted) return;
          setState({ path, problem: problemOf(error) });
          if (mayPass(error)) timer = setTimeout(begin, TRY_AGAIN_MS);
        })
        .finally(() => {
          busy = false;
          if (isOld && !stop.signal.aborted) begin();
        });
    };
    asking.current = begin;
    begin();
    return () => {
      stop.abort();
      clearTimeout(timer);
      asking.current = undefined;
    };
  }, [path]);
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) asking.current?.();
    isFirst.current = false;
  }, [revision]);
  const again = useCallback(() => asking.current?.(), []);
  return {
    value: path === undefined ? undefined : state?.value,
    problem: state?.path === path ? state?.problem : undefined,
    again,
  };
}
