/** Where on the page a person is: in the address, behind `#`, so that it can be kept and sent, and the browser goes back. */
import { useEffect, useState } from 'preact/hooks';

export interface Route {
  /** Decoded. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

export function currentRoute(): Route {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/u, '').split('?');
  return {
    path: path
      .split('/')
      .filter((part) => part !== '')
      .map(decoded),
    query: new URLSearchParams(query),
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function useRoute(): Route {
  const [route, setRoute] = useState(currentRoute);
  useEffect(() => {
    const listener = () => setRoute(currentRoute());
    addEventListener('hashchange', listener);
    return () => removeEventListener('hashchange', listener);
  }, []);
  return route;
}

type Values = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/** Values that are undefined or empty are left out. */
export function hrefOf(path: readonly string[], query: Values = {}): string {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value)
      ? (value as readonly string[])
      : [value as string | number | undefined]) {
      if (one !== undefined && one !== '') words.append(name, String(one));
    }
  }
  const text = words.toString();
  return `#/${path.map(encodeURIComponent).join('/')}${text === '' ? '' : `?${text}`}`;
}

/** Changes the query of where a person is; the browser's way back stays short. */
export function replaceQuery(changes: Values): void {
  const { path, query } = currentRoute();
  const kept: Record<string, string | number | readonly string[] | undefined> = {};
  for (const name of new Set(query.keys())) kept[name] = query.getAll(name);
  history.replaceState(null, '', hrefOf(path, { ...kept, ...changes }));
  dispatchEvent(new HashChangeEvent('hashchange'));
}
