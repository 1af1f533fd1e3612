/** Curves of trainings while they train, several compared. */
import { METHOD_COLOURS } from '../../../pipelines/evaluation/report/method-colours.ts';
import { useMemo, useState } from 'preact/hooks';
import type { StoreFacts, TrainingCurves } from '../../wire.ts';
import { replaceQuery, type Route } from '../live/route.ts';
import { useTopic } from '../live/topics.ts';
import { useAnswer } from '../live/use-answer.ts';
import { Empty, ProblemBox, useTitle } from '../parts/basics.tsx';
import { Chart, tip, tooltip, type Colours } from '../parts/chart.tsx';
import { count, mebibytes, percent, plain } from '../parts/words.ts';
import { StoreChoice, useStore } from '../parts/store-choice.tsx';

const MOST_COMPARED = 12;
const LISTED = 200;
/** Redrawn at most so often, whatever comes. */
const POINTS = Math.min(2_000, Math.max(400, Math.round(screen.width * 1.2)));

interface Panel {
  readonly title: string;
  /** Solid, then dashed. */
  readonly curves: readonly string[];
  readonly percent?: boolean;
}

export function CurvesView({ query }: Route) {
  useTitle('Curves');
  const { stores, store, problem } = useStore(query.get('store'));
  const chosen = query.getAll('id').slice(0, MOST_COMPARED);
  const listed = useTopic(store === undefined ? undefined : `trainings:${store.id}/`).parts?.['trainings'] as
    readonly string[] | undefined;
  const sizes = useTopic(
    store === undefined || chosen.length === 0 ? undefined : `trainings:${store.id}/${chosen.join(',')}`,
  ).parts;
  const ids = chosen.map((id) => `id=${encodeURIComponent(id)}`).join('&');
  const answer = useAnswer<readonly TrainingCurves[]>(
    store === undefined || chosen.length === 0 || sizes === undefined
      ? undefined
      : `/api/stores/${store.id}/curves?${ids}&points=${String(POINTS)}`,
    JSON.stringify(sizes),
  );
  return (
    <>
      <div class="heading">
        <h1>Curves</h1>
        <StoreChoice
          stores={stores}
          store={store}
          onChange={(id) => replaceQuery({ store: id, id: undefined })}
        />
      </div>
      <ProblemBox problem={problem ?? answer.problem} />
      <div class="side-by-side">
        <Chooser store={store} listed={listed} chosen={chosen} />
        <div>
          {chosen.length === 0 ? (
            <Empty>Choose trainings to see their curves; several are drawn over each other.</Empty>
          ) : answer.value === undefined ? (
            <p class="quiet">Looking …</p>
          ) : (
            <Panels trainings={answer.value} />
          )}
        </div>
      </div>
    </>
  );
}

function Chooser({
  store,
  listed,
  chosen,
}: {
  readonly store: StoreFacts | undefined;
  readonly listed: readonly string[] | undefined;
  readonly chosen: readonly string[];
}) {
  const [q, setQ] = useState('');
  const words = q.toLowerCase().split(/\s+/u);
  const found = (listed ?? []).filter((id) => words.every((word) => id.toLowerCase().includes(word)));
  const order = [...chosen.filter((id) => !found.includes(id)), ...found].slice(0, LISTED);
  const toggle = (id: string, isOn: boolean) =>
    replaceQuery({
      store: store?.id,
      id: isOn ? [...chosen, id].slice(-MOST_COMPARED) : chosen.filter((one) => one !== id),
    });
  return (
    <fieldset class="chooser">
      <legend>Trainings</legend>
      <label class="field">
        <span>Search</span>
        <input
          type="search"
          value={q}
          spellcheck={false}
          onInput={(event) => setQ(event.currentTarget.value)}
        />
      </label>
      <div class="choices" tabIndex={0} role="group" aria-label="Trainings that there are">
        {order.map((id) => (
          <label key={id} class="check">
            <input
              type="checkbox"
              checked={chosen.includes(id)}
              onChange={(event) => toggle(id, event.currentTarget.checked)}
            />
            {chosen.includes(id) ? (
              <span class={`swatch m${String(chosen.indexOf(id) % METHOD_COLOURS)}`} aria-hidden="true" />
            ) : null}
            <span>{id}</span>
          </label>
        ))}
        {listed !== undefined && found.length === 0 ? <p class="quiet">None.</p> : null}
        {found.length > LISTED ? (
          <p class="quiet">{count(found.length - LISTED)} more: search for them.</p>
        ) : null}
      </div>
    </fieldset>
  );
}

function panelsOf(trainings: readonly TrainingCurves[]): Panel[] {
  const names = new Set(trainings.flatMap(({ curves }) => curves.map(({ name }) => name)));
  const has = (...wanted: string[]) => wanted.filter((name) => names.has(name));
  const heads = [
    ...new Set([...names].flatMap((name) => /^accuracy\/[^/]+\/(.+)$/u.exec(name)?.[1] ?? [])),
  ].sort((a, b) => Number(b === 'fused') - Number(a === 'fused'));
  const of = (group: string) => [...names].filter((name) => name.startsWith(`${group}/`)).sort();
  const panels: Panel[] = [
    { title: 'Loss', curves: has('loss') },
    ...heads.map((head) => ({
      title: `Accuracy, ${head === 'fused' ? 'fused model' : head}`,
      curves: has(
        names.has(`accuracy/test/${head}`) ? `accuracy/test/${head}` : `accuracy/validation/${head}`,
        `accuracy/train/${head}`,
      ),
      percent: true,
    })),
    ...of('rho').map((name) => ({ title: `ρ, ${name.slice(4)}`, curves: [name] })),
    ...of('lambda').map((name) => ({ title: `λ, ${name.slice(7)}`, curves: [name] })),
    ...of('coefficient').map((name) => ({ title: `k, ${name.slice(12)}`, curves: [name] })),
    { title: 'Steps a second', curves: has('stepsPerS') },
    { title: 'Waiting for data', curves: has('dataWaitShare'), percent: true },
    { title: 'Peak memory, MiB', curves: has('peakMemoryMiB') },
    { title: 'Learning rate', curves: has('learningRate') },
  ];
  return panels.filter(({ curves }) => curves.length > 0);
}

function Panels({ trainings }: { readonly trainings: readonly TrainingCurves[] }) {
  const panels = useMemo(() => panelsOf(trainings), [trainings]);
  return (
    <>
      <Comparison trainings={trainings} />
      <p class="quiet key">
        Over optimiser steps. Accuracy: solid on the test (or validation) split, dashed on the training split.
      </p>
      <div class="panels">
        {panels.map((panel) => (
          <CurvePanel key={panel.title} panel={panel} trainings={trainings} />
        ))}
      </div>
    </>
  );
}

function Comparison({ trainings }: { readonly trainings: readonly TrainingCurves[] }) {
  const last = (training: TrainingCurves, name: string) => training.last[name];
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Trainings compared">
      <table>
        <thead>
          <tr>
            <th scope="col">Training</th>
            {['Epoch', 'Step', 'Loss', 'Fused', 'Steps/s', 'Data wait', 'Peak memory'].map((name) => (
              <th key={name} scope="col" class="number">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {trainings.map((training, i) => (
            <tr key={training.trainingId}>
              <th scope="row">
                <span class={`swatch m${String(i % METHOD_COLOURS)}`} aria-hidden="true" />{' '}
                {training.trainingId}
                {training.engine === undefined ? null : <span class="note">{training.engine}</span>}
              </th>
              <td class="number">{count(training.epoch)}</td>
              <td class="number">{count(training.step)}</td>
              <td class="number">{plain(last(training, 'loss'))}</td>
              <td class="number">
                {percent(
                  last(training, 'accuracy/test/fused') ??
                    last(training, 'accuracy/validation/fused') ??
                    last(training, 'accuracy/train/fused'),
                )}
              </td>
              <td class="number">
                {rate(training.curves.find(({ name }) => name === 'stepsPerS')?.y.at(-1))}
              </td>
              <td class="number">{percent(last(training, 'dataWaitShare'))}</td>
              <td class="number">{mebibytes(last(training, 'peakMemoryMiB') ?? training.peakMemoryMiB)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function CurvePanel({
  panel,
  trainings,
}: {
  readonly panel: Panel;
  readonly trainings: readonly TrainingCurves[];
}) {
  const build = useMemo(() => (theme: Colours) => lineOption(panel, trainings, theme), [panel, trainings]);
  const said = trainings.map(
    ({ trainingId, curves }) =>
      `${trainingId}: ${format(panel, curves.find(({ name }) => name === panel.curves[0])?.y.at(-1))}`,
  );
  return (
    <figure class="panel">
      <figcaption>{panel.title}</figcaption>
      <Chart label={`${panel.title}, last: ${said.join('; ')}`} build={build} />
    </figure>
  );
}

const rate = (value: number | undefined) =>
  value === undefined ? '–' : String(Number(value.toPrecision(3)));
const format = (panel: Panel, value: number | undefined) =>
  panel.percent === true ? percent(value) : plain(value);

function lineOption(panel: Panel, trainings: readonly TrainingCurves[], theme: Colours) {
  const axis = {
    axisLabel: { color: theme.quiet, fontSize: 12, hideOverlap: true },
    axisLine: { lineStyle: { color: theme.line } },
    splitLine: { lineStyle: { color: theme.faint } },
  };
  const series = trainings.flatMap(({ trainingId, curves }, i) =>
    panel.curves.flatMap((wanted, dash) => {
      const curve = curves.find(({ name }) => name === wanted);
      if (curve === undefined) return [];
      const colour = theme.series[i % theme.series.length];
      return [
        {
          ...{
            type: 'line',
            name: `${trainingId}${dash === 1 ? ', train' : ''}`,
            showSymbol: curve.x.length < 3,
          },
          data: curve.x.map((x, k) => [x, curve.y[k]]),
          lineStyle: { width: dash === 1 ? 1 : 1.75, color: colour, type: dash === 1 ? 'dashed' : 'solid' },
          itemStyle: { color: colour },
        },
      ];
    }),
  );
  return {
    grid: { left: 8, right: 14, top: 12, bottom: 4, containLabel: true },
    xAxis: {
      type: 'value',
      min: 'dataMin',
      max: 'dataMax',
      splitNumber: 4,
      ...axis,
      splitLine: { show: false },
    },
    yAxis: {
      type: 'value',
      scale: panel.percent !== true,
      splitNumber: 4,
      ...axis,
      ...(panel.percent === true
        ? {
            min: 0,
            max: 1,
            interval: 0.25,
            axisLabel: {
              ...axis.axisLabel,
              formatter: (value: number) => `${String(Math.round(100 * value))} %`,
            },
          }
        : {}),
    },
    series,
    tooltip: {
      trigger: 'axis',
      ...tooltip(theme),
      axisPointer: { type: 'line', lineStyle: { color: theme.line } },
      formatter: (
        points: readonly {
          readonly seriesName: string;
          readonly color: string;
          readonly data: readonly [number, number];
        }[],
      ) =>
        tip(
          `step ${count(points[0]?.data[0] ?? 0)}`,
          points.map(({ seriesName, data, color }) => [seriesName, format(panel, data[1]), color] as const),
        ),
    },
  };
}
