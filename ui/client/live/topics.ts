/** What is watched: one line of server-sent events for the whole page, made anew when what is watched changes. */
import { useEffect, useState } from 'preact/hooks';

/** Keep in step with `ui/server/live/hub.ts`. */
interface Change {
  readonly topic: string;
  readonly whole?: true;
  readonly set: Readonly<Record<string, unknown>>;
  readonly gone: readonly string[];
  readonly trouble?: string;
}

export interface TopicState {
  /** Undefined until the first word. */
  readonly parts: Readonly<Record<string, unknown>> | undefined;
  readonly trouble: string | undefined;
}

interface Watched {
  state: TopicState;
  readonly listeners: Set<() => void>;
}

const topics = new Map<string, Watched>();
const lineListeners = new Set<() => void>();
let source: EventSource | undefined;
let asked = '';
let isUp = true;

function connect(): void {
  for (const [name, { listeners }] of topics) if (listeners.size === 0) topics.delete(name);
  const names = [...topics.keys()].sort();
  // Nobody sees it: what it would show comes whole when it is seen again.
  if (document.hidden) names.length = 0;
  const query = names.map((name) => `topic=${encodeURIComponent(name)}`).join('&');
  if (query === asked && source !== undefined) return;
  asked = query;
  source?.close();
  source = undefined;
  if (names.length === 0) return;
  const opened = new EventSource(`/api/events?${query}`);
  source = opened;
  opened.addEventListener('open', () => setUp(true));
  opened.addEventListener('error', () => {
    if (source !== opened) return;
    setUp(false);
    // The browser tries again by itself, but not where it was refused.
    if (opened.readyState === EventSource.CLOSED) setTimeout(() => reconnect(opened), 3_000);
  });
  opened.addEventListener('change', (event) =>
    take(JSON.parse((event as MessageEvent<string>).data) as Change),
  );
}

document.addEventListener('visibilitychange', () => planConnect());

function reconnect(ended: EventSource): void {
  if (source !== ended) return;
  source = undefined;
  connect();
}

function setUp(up: boolean): void {
  if (up === isUp) return;
  isUp = up;
  for (const listener of lineListeners) listener();
}

function take({ topic, whole, set, gone, trouble }: Change): void {
  const watched = topics.get(topic);
  if (watched === undefined) return;
  const parts: Record<string, unknown> = { ...(whole === true ? {} : watched.state.parts), ...set };
  for (const key of gone) Reflect.deleteProperty(parts, key);
  watched.state = { parts, trouble };
  for (const listener of watched.listeners) listener();
}

let planned = false;
function planConnect(): void {
  if (planned) return;
  planned = true;
  queueMicrotask(() => {
    planned = false;
    connect();
  });
}

const NOTHING: TopicState = { parts: undefined, trouble: undefined };

/** @param name undefined: nothing is watched */
export function useTopic(name: string | undefined): TopicState {
  const [, redraw] = useState(0);
  useEffect(() => {
    if (name === undefined) return undefined;
    const listener = () => redraw((n) => n + 1);
    const watched = topics.get(name) ?? { state: NOTHING, listeners: new Set() };
    topics.set(name, watched);
    watched.listeners.add(listener);
    // What came after this was drawn, and before it listened.
    if (watched.state !== NOTHING) listener();
    planConnect();
    return () => {
      watched.listeners.delete(listener);
      // Who watches it next may come before the line is made anew.
      if (watched.listeners.size === 0) planConnect();
    };
  }, [name]);
  return name === undefined ? NOTHING : (topics.get(name)?.state ?? NOTHING);
}

/** Whether the server is heard. */
export function useLine(): boolean {
  const [, redraw] = useState(0);
  useEffect(() => {
    const listener = () => redraw((n) => n + 1);
    lineListeners.add(listener);
    return () => lineListeners.delete(listener);
  }, []);
  return isUp;
}
