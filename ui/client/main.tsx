/** The page: its head, and the view that the address names. */
import { render } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { hrefOf, useRoute, type Route } from './live/route.ts';
import { ClipView } from './pages/clip.tsx';
import { CurvesView } from './pages/curves.tsx';
import { DatasetsView, DatasetView } from './pages/data.tsx';
import { ModelsView } from './pages/models.tsx';
import { RunView } from './pages/run.tsx';
import { RunsView } from './pages/runs.tsx';
import { StreamsView } from './pages/streams.tsx';
import { ServiceMark } from './parts/service.tsx';

const PLACES = [
  ['runs', 'Runs'],
  ['curves', 'Curves'],
  ['data', 'Data'],
  ['models', 'Models'],
  ['streams', 'Streams'],
] as const;

function View({ route }: { readonly route: Route }) {
  const [place = 'runs', a, b, c, d] = route.path;
  switch (place) {
    case 'curves':
      return <CurvesView {...route} />;
    case 'data':
      if (d === 'clip') return <ClipView {...route} />;
      return a !== undefined && b !== undefined && c !== undefined ? (
        <DatasetView {...route} />
      ) : (
        <DatasetsView {...route} />
      );
    case 'models':
      return <ModelsView {...route} />;
    case 'streams':
      return <StreamsView />;
    default:
      return a === undefined ? <RunsView {...route} /> : <RunView {...route} />;
  }
}

function Page() {
  const route = useRoute();
  const place = route.path[0] ?? 'runs';
  const main = useRef<HTMLElement>(null);
  const key = route.path.join('/');
  const isFirst = useRef(true);
  useEffect(() => {
    // Who goes on by keyboard or screen reader begins at the new view's head.
    if (!isFirst.current) {
      main.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    isFirst.current = false;
  }, [key]);
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href={hrefOf(['runs'])}>
          Modalmix
        </a>
        <nav aria-label="Pages">
          {PLACES.map(([id, name]) => (
            <a key={id} href={hrefOf([id])} aria-current={place === id ? 'page' : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <ServiceMark />
      </header>
      <main id="main" tabIndex={-1} ref={main}>
        <View key={key} route={route} />
      </main>
    </>
  );
}

const place = document.getElementById('page');
if (place !== null) render(<Page />, place);
