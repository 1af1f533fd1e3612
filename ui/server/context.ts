/** What the routes share. It lives as long as the server; nothing of it is kept. */
import { Hub } from './live/hub.ts';
import { findTopic } from './live/topics.ts';
import { problemText } from './problems.ts';
import { RunsBook } from './runs/runs-book.ts';
import { TemporalLink } from './runs/temporal-link.ts';
import { Stores } from './stores.ts';

export interface UiContext {
  readonly link: TemporalLink;
  readonly runs: RunsBook;
  readonly stores: Stores;
  readonly hub: Hub;
  /** Whether the page may start configs and folders by their paths. */
  readonly mayStartFiles: boolean;
}

export interface ContextOptions {
  readonly storeUri: string;
  readonly mayStartFiles: boolean;
}

export function createContext({ storeUri, mayStartFiles }: ContextOptions): UiContext {
  const link = new TemporalLink();
  const runs = new RunsBook(link);
  const stores = new Stores(storeUri);
  const hub = new Hub((name) => findTopic(name, { link, runs, stores }), problemText);
  return { link, runs, stores, hub, mayStartFiles };
}
