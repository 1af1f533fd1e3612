/** All runs, the newest first. */
import { useState } from 'preact/hooks';
import type { Problem, RunLine, RunsPage } from '../../wire.ts';
import { mayStartFiles, post, problemOf } from '../live/api.ts';
import { hrefOf, replaceQuery, type Route } from '../live/route.ts';
import { useTopic } from '../live/topics.ts';
import {
  Action,
  Empty,
  Pages,
  ProblemBox,
  SearchField,
  Select,
  StateMark,
  useTitle,
} from '../parts/basics.tsx';
import { useService } from '../parts/service.tsx';
import { StageStrip } from '../parts/stages.tsx';
import { count, duration, when } from '../parts/words.ts';

const STATES = [
  { value: 'all', label: 'any state' },
  { value: 'active', label: 'running' },
  { value: 'completed', label: 'completed' },
  { value: 'failed', label: 'failed' },
  { value: 'cancelled', label: 'cancelled' },
];
const KINDS = [
  { value: 'all', label: 'any kind' },
  { value: 'run', label: 'runs' },
  { value: 'experiment', label: 'experiments' },
  { value: 'search', label: 'searches' },
  { value: 'retraining', label: 'retrainings' },
  { value: 'other', label: 'single stages' },
];

export function RunsView({ query }: Route) {
  useTitle('Runs');
  const [q, state, kind] = [query.get('q') ?? '', query.get('state') ?? 'all', query.get('kind') ?? 'all'];
  const page = Number(query.get('page') ?? '0') || 0;
  const { parts, trouble } = useTopic(`runs:${JSON.stringify({ q, state, kind, page })}`);
  const service = useService();
  const shown = parts?.['page'] as RunsPage | undefined;
  const lines = shown?.order
    .map((id) => parts?.[`run ${id}`] as RunLine | undefined)
    .filter((line) => line !== undefined);
  const choose = (changes: Record<string, string | number | undefined>) =>
    replaceQuery({ page: undefined, ...changes });
  return (
    <>
      <div class="heading">
        <h1>Runs</h1>
        {shown === undefined ? null : (
          <p class="quiet" aria-live="polite">
            {count(shown.active)} running of {count(shown.all)}
          </p>
        )}
      </div>
      <div class="tools" role="search">
        <SearchField label="Search" value={q} onChange={(value) => choose({ q: value })} />
        <Select
          label="State"
          value={state}
          choices={STATES}
          onChange={(value) => choose({ state: value === 'all' ? undefined : value })}
        />
        <Select
          label="Kind"
          value={kind}
          choices={KINDS}
          onChange={(value) => choose({ kind: value === 'all' ? undefined : value })}
        />
      </div>
      {trouble === undefined ? null : <ProblemBox problem={{ message: trouble }} />}
      {service?.failure === undefined ? null : <ProblemBox problem={{ message: service.failure }} />}
      {lines === undefined ? (
        <p class="quiet">Looking …</p>
      ) : lines.length === 0 ? (
        <NoRuns nothing={service?.temporal === 'nothing'} all={shown?.all ?? 0} />
      ) : (
        <RunTable lines={lines} />
      )}
      {shown === undefined ? null : (
        <Pages
          page={Math.min(page, shown.pages - 1)}
          pages={shown.pages}
          onPage={(n) => replaceQuery({ page: n === 0 ? undefined : n })}
        />
      )}
      {mayStartFiles ? <StartForm /> : null}
    </>
  );
}

function NoRuns({ nothing, all }: { readonly nothing: boolean; readonly all: number }) {
  if (all > 0) return <Empty>No run is like that.</Empty>;
  return (
    <Empty>
      <p>
        {nothing
          ? 'Nothing has been started here, so nothing runs, and this page starts nothing by looking.'
          : 'No runs yet.'}
      </p>
      <p>
        Start one below, or in a terminal: <code>modalmix run &lt;config.yaml or folder of clips&gt;</code>
      </p>
    </Empty>
  );
}

function RunTable({ lines }: { readonly lines: readonly RunLine[] }) {
  return (
    <table class="runs">
      <thead>
        <tr>
          <th scope="col">Run</th>
          <th scope="col">State</th>
          <th scope="col">Stages</th>
          <th scope="col" class="number">
            Rate
          </th>
          <th scope="col" class="number">
            Left
          </th>
          <th scope="col" class="number">
            Started
          </th>
          <th scope="col" class="number">
            Took
          </th>
          <th scope="col">
            <span class="hidden">Do</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {lines.map((line) => (
          <RunRow key={line.workflowId} line={line} />
        ))}
      </tbody>
    </table>
  );
}

function RunRow({ line }: { readonly line: RunLine }) {
  const { workflowId, kind, type, state, stages, rate, etaS, startedAt, closedAt, note } = line;
  return (
    <tr>
      <th scope="row">
        <a href={hrefOf(['runs', workflowId])}>{workflowId}</a>
        <span class="note">{kind === 'other' ? type : kind}</span>
      </th>
      <td>
        <StateMark state={state} />
      </td>
      <td class="stretch">
        <StageStrip stages={stages} />
        {note === undefined ? null : <span class="note clamp">{note}</span>}
      </td>
      <td class="number" data-label="Rate">
        {rate ?? ''}
      </td>
      <td class="number" data-label="Left">
        {etaS === undefined ? '' : duration(etaS)}
      </td>
      <td class="number" data-label="Started">
        {when(startedAt)}
      </td>
      <td class="number" data-label="Took">
        {duration(((closedAt ?? Date.now()) - startedAt) / 1000)}
      </td>
      <td class="actions">
        <RunActions line={line} />
      </td>
    </tr>
  );
}

export function RunActions({
  line: { workflowId, state },
  canStart = false,
}: {
  readonly line: RunLine;
  readonly canStart?: boolean;
}) {
  const act = (action: string) => async () =>
    await post(`/api/runs/${encodeURIComponent(workflowId)}/${action}`);
  const isOpen = state === 'running' || state === 'paused';
  if (!isOpen) return canStart ? <Action label="Start again" onDo={act('start')} /> : null;
  return (
    <>
      {state === 'paused' ? (
        <Action quiet label="Resume" name={`Resume ${workflowId}`} onDo={act('resume')} />
      ) : (
        <Action quiet label="Pause" name={`Pause ${workflowId}`} onDo={act('pause')} />
      )}
      <Action quiet label="Cancel" name={`Cancel ${workflowId}`} confirm="Cancel it?" onDo={act('cancel')} />
    </>
  );
}

function StartForm() {
  const [target, setTarget] = useState('');
  const [problem, setProblem] = useState<Problem | undefined>();
  const [busy, setBusy] = useState(false);
  const start = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      const { workflowId } = await post<{ readonly workflowId: string }>('/api/runs', {
        target: target.trim(),
      });
      location.hash = hrefOf(['runs', workflowId]);
    } catch (error) {
      setProblem(problemOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      class="start"
      onSubmit={(event) => {
        event.preventDefault();
        if (target.trim() !== '') void start();
      }}
    >
      <label class="field grow">
        <span>Start a run: a config file, or a folder with one folder of clips a class, on this machine</span>
        <input
          type="text"
          value={target}
          spellcheck={false}
          autocomplete="off"
          onInput={(event) => setTarget(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="chosen" disabled={busy || target.trim() === ''}>
        {busy ? 'Starting …' : 'Start'}
      </button>
      <ProblemBox problem={problem} />
    </form>
  );
}
