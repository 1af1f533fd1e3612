/** A dataset: its classes in balance, and its clips by class, split, name and oddity. */
import { useEffect, useMemo } from 'preact/hooks';
import type { ClipLine, ClipsPage, DatasetFacts, DatasetLine } from '../../wire.ts';
import { hrefOf, replaceQuery, type Route } from '../live/route.ts';
import { useAnswer } from '../live/use-answer.ts';
import { Empty, Pages, ProblemBox, SearchField, Select, useTitle } from '../parts/basics.tsx';
import { Chart, tip, tooltip, type Colours } from '../parts/chart.tsx';
import { StoreChoice, useStore } from '../parts/store-choice.tsx';
import { count, counted, when } from '../parts/words.ts';

export function datasetApi(store: string, name: string, version: string): string {
  return `/api/stores/${store}/datasets/${encodeURIComponent(name)}/${encodeURIComponent(version)}`;
}

/** `#/data`, or `#/data/<store>`: which there are. */
export function DatasetsView({ path: [, id] }: Route) {
  useTitle('Data');
  const { stores, store, problem } = useStore(id);
  const { value, problem: refused } = useAnswer<readonly DatasetLine[]>(
    store === undefined ? undefined : `/api/stores/${store.id}/datasets`,
  );
  const only = id === undefined && stores.length === 1 && value?.length === 1 ? value[0] : undefined;
  useEffect(() => {
    if (only !== undefined && store !== undefined)
      location.replace(hrefOf(['data', store.id, only.name, only.version]));
  }, [only, store]);
  return (
    <>
      <div class="heading">
        <h1>Data</h1>
        <StoreChoice
          stores={stores}
          store={store}
          onChange={(chosen) => (location.hash = hrefOf(['data', chosen]))}
        />
      </div>
      <ProblemBox problem={problem ?? refused} />
      {value?.length === 0 ? (
        <Empty>No dataset is published in this store yet. A run builds it: its first stages.</Empty>
      ) : null}
      <ul class="datasets">
        {value?.map(({ name, version, writtenAt }) => (
          <li key={`${name} ${version}`}>
            <a href={hrefOf(['data', store?.id ?? '', name, version])}>{name}</a>
            <span class="note">
              version {version}
              {writtenAt === undefined ? '' : `, ${when(writtenAt)}`}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

/** `#/data/<store>/<name>/<version>` */
export function DatasetView({ path: [, store = '', name = '', version = ''], query }: Route) {
  useTitle(name);
  const base = datasetApi(store, name, version);
  const facts = useAnswer<DatasetFacts>(base);
  const [q, split, of, only] = [
    query.get('q') ?? '',
    query.get('split') ?? 'all',
    query.get('class') ?? '-1',
    query.get('only') ?? 'all',
  ];
  const page = Number(query.get('page') ?? '0') || 0;
  const words = new URLSearchParams({ q, split, class: of, only, page: String(page) });
  const clips = useAnswer<ClipsPage>(`${base}/clips?${words.toString()}`);
  const choose = (changes: Record<string, string | number | undefined>) =>
    replaceQuery({ page: undefined, ...changes });
  return (
    <>
      <p class="crumbs">
        <a href={hrefOf(['data', store])}>Data</a>
      </p>
      <div class="heading">
        <h1>{name}</h1>
        <p class="quiet">version {version}</p>
      </div>
      <ProblemBox problem={facts.problem} />
      {facts.value === undefined ? null : (
        <Summary facts={facts.value} onClass={(k) => choose({ class: k })} />
      )}
      <div class="tools" role="search">
        <SearchField label="Search clips" value={q} onChange={(value) => choose({ q: value })} />
        <Select
          label="Split"
          value={split}
          choices={[
            { value: 'all', label: 'all splits' },
            ...(facts.value?.splits ?? []).map((one) => ({ value: one.split, label: one.split })),
          ]}
          onChange={(value) => choose({ split: value === 'all' ? undefined : value })}
        />
        <Select
          label="Class"
          value={of}
          choices={[
            { value: '-1', label: 'all classes' },
            ...(facts.value?.classNames ?? []).map((label, k) => ({ value: String(k), label })),
          ]}
          onChange={(value) => choose({ class: value === '-1' ? undefined : value })}
        />
        <Select
          label="Show"
          value={only}
          choices={oddities(facts.value)}
          onChange={(value) => choose({ only: value === 'all' ? undefined : value })}
        />
      </div>
      <ProblemBox problem={clips.problem} />
      {clips.value === undefined ? (
        <p class="quiet">Looking …</p>
      ) : (
        <ClipList page={clips.value} facts={facts.value} place={[store, name, version]} />
      )}
    </>
  );
}

function oddities(facts: DatasetFacts | undefined) {
  if (facts === undefined) return [{ value: 'all', label: 'every clip' }];
  const { modalities, splits, quarantined, duplicates } = facts;
  const missing = modalities.map((modality) => ({
    modality,
    rows: splits.reduce((sum, { missing: of }) => sum + (of[modality] ?? 0), 0),
  }));
  const words: Readonly<Record<string, string>> = { audio: 'sound', rgb: 'picture', flow: 'motion' };
  const bad = quarantined.reduce((sum, one) => sum + one.count, 0);
  return [
    { value: 'all', label: 'every clip' },
    ...missing.map(({ modality, rows }) => ({
      value: `missing:${modality}`,
      label: `missing ${words[modality] ?? modality} (${count(rows)})`,
    })),
    { value: 'quarantined', label: `quarantined (${count(bad)})` },
    ...(quarantined.length > 1
      ? quarantined.map(({ code, count: of }) => ({
          value: `quarantined:${code}`,
          label: `– ${code} (${count(of)})`,
        }))
      : []),
    { value: 'duplicates', label: `same content (${count(duplicates)})` },
  ];
}

function Summary({
  facts,
  onClass,
}: {
  readonly facts: DatasetFacts;
  readonly onClass: (k: number) => void;
}) {
  const { splits, classNames, clips, duplicates, quarantined, splitRule, notes, modalities } = facts;
  const bad = quarantined.reduce((sum, one) => sum + one.count, 0);
  const build = useMemo(() => (theme: Colours) => balanceOption(facts, theme), [facts]);
  const most = splits.flatMap(({ classCounts }) => classCounts);
  return (
    <section aria-label="The dataset">
      <dl class="facts">
        {[
          ['Clips', count(clips)],
          ['Classes', count(classNames.length)],
          ...splits.map(({ split, rows }) => [split, count(rows)]),
          ['Modalities', modalities.join(', ')],
          ['Quarantined', count(bad)],
          ['Of same content', count(duplicates)],
        ].map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <figure class="panel balance">
        <figcaption>Clips by class and split</figcaption>
        <Chart
          label={`Clips by class: from ${count(Math.min(...most))} to ${count(Math.max(...most))} in a split`}
          build={build}
          class="short"
        />
      </figure>
      <details>
        <summary>Split, notes, numbers by class</summary>
        <p>{splitRule}</p>
        <ul>
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
        <div class="scroll" tabIndex={0} role="region" aria-label="Clips by class">
          <table>
            <thead>
              <tr>
                <th scope="col">Class</th>
                {splits.map(({ split }) => (
                  <th key={split} scope="col" class="number">
                    {split}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {classNames.map((label, k) => (
                <tr key={label}>
                  <th scope="row">
                    <button type="button" class="plain" onClick={() => onClass(k)}>
                      {label}
                    </button>
                  </th>
                  {splits.map(({ split, classCounts }) => (
                    <td key={split} class="number">
                      {count(classCounts[k] ?? 0)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </section>
  );
}

function balanceOption({ classNames, splits }: DatasetFacts, theme: Colours) {
  return {
    grid: { left: 8, right: 8, top: 10, bottom: 4, containLabel: true },
    xAxis: {
      type: 'category',
      data: [...classNames],
      axisTick: { show: false },
      axisLabel: { color: theme.quiet, fontSize: 12, hideOverlap: true, width: 90, overflow: 'truncate' },
      axisLine: { lineStyle: { color: theme.line } },
    },
    yAxis: {
      type: 'value',
      splitNumber: 3,
      axisLabel: { color: theme.quiet, fontSize: 12 },
      splitLine: { lineStyle: { color: theme.faint } },
    },
    series: splits.map(({ split, classCounts }, i) => ({
      type: 'bar',
      name: split,
      stack: 'clips',
      barMaxWidth: 36,
      data: [...classCounts],
      itemStyle: { color: theme.series[[0, 5, 7][i] ?? i] },
    })),
    tooltip: {
      trigger: 'axis',
      ...tooltip(theme),
      axisPointer: { type: 'shadow', shadowStyle: { color: theme.faint, opacity: 0.6 } },
      formatter: (
        bars: readonly { readonly axisValue: string; readonly seriesName: string; readonly data: number }[],
      ) =>
        tip(
          bars[0]?.axisValue ?? '',
          bars.map(({ seriesName, data }) => [seriesName, count(data)] as const),
        ),
    },
  };
}

function ClipList({
  page,
  facts,
  place: [store, name, version],
}: {
  readonly page: ClipsPage;
  readonly facts: DatasetFacts | undefined;
  readonly place: readonly [string, string, string];
}) {
  const base = datasetApi(store, name, version);
  const turn = (n: number) => {
    replaceQuery({ page: n === 0 ? undefined : n });
    document.querySelector('.clips')?.scrollIntoView({ block: 'start' });
  };
  return (
    <>
      <p class="quiet" aria-live="polite">
        {counted(page.total, 'clip')}
      </p>
      <ul class="clips">
        {page.clips.map((clip) => (
          <li key={`${clip.split} ${clip.clipId}`}>
            <a href={hrefOf(['data', store, name, version, 'clip'], { id: clip.clipId })}>
              {clip.pictured ? (
                <img
                  src={`${base}/picture?kind=thumbnail&id=${encodeURIComponent(clip.clipId)}`}
                  alt=""
                  loading="lazy"
                  decoding="async"
                />
              ) : (
                <span class="no-picture">{clip.quarantine === undefined ? 'no picture' : 'quarantined'}</span>
              )}
              <strong>{clip.clipId}</strong>
              <ClipWords clip={clip} className={facts?.classNames[clip.label]} />
            </a>
          </li>
        ))}
      </ul>
      <Pages page={page.page} pages={page.pages} onPage={turn} />
    </>
  );
}

function ClipWords({
  clip: { split, missing, copies, quarantine },
  className,
}: {
  readonly clip: ClipLine;
  readonly className: string | undefined;
}) {
  return (
    <>
      <span>
        {className ?? 'no class'} <span class="note inline">{split}</span>
      </span>
      {missing.length === 0 ? null : <span class="note">missing {missing.join(', ')}</span>}
      {copies < 2 ? null : <span class="note">{copies} of same content</span>}
      {quarantine === undefined ? null : <span class="bad-word">{quarantine.reason}</span>}
    </>
  );
}
