/** Which store is looked at, where there are several. */
import type { Problem, StoreFacts } from '../../wire.ts';
import { useAnswer } from '../live/use-answer.ts';
import { Select } from './basics.tsx';

export interface ChosenStore {
  readonly stores: readonly StoreFacts[];
  readonly store: StoreFacts | undefined;
  readonly problem: Problem | undefined;
}

export function useStore(id: string | null | undefined): ChosenStore {
  const { value: stores = [], problem } = useAnswer<readonly StoreFacts[]>('/api/stores', id);
  return { stores, store: stores.find((one) => one.id === id) ?? stores[0], problem };
}

export function StoreChoice({
  stores,
  store,
  onChange,
}: {
  readonly stores: readonly StoreFacts[];
  readonly store: StoreFacts | undefined;
  readonly onChange: (id: string) => void;
}) {
  if (stores.length < 2 || store === undefined)
    return <p class="quiet store">{store === undefined ? '' : shortened(store.uri)}</p>;
  return (
    <Select
      label="Store"
      value={store.id}
      choices={stores.map(({ id, uri }) => ({ value: id, label: shortened(uri) }))}
      onChange={onChange}
    />
  );
}

const SHOWN = 60;

/** Its end says more than its beginning. */
function shortened(uri: string): string {
  const path = uri.replace(/^file:\/\//u, '');
  return path.length <= SHOWN ? path : `…${path.slice(-SHOWN)}`;
}
