/** One run: what it is at, its log, its report, what its models get wrong. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Progress } from '../../../schemas/progress.ts';
import type { LogLine, Mistake, RunFacts, RunLine, ServiceState } from '../../wire.ts';
import { hrefOf, type Route } from '../live/route.ts';
import { useTopic } from '../live/topics.ts';
import { useAnswer } from '../live/use-answer.ts';
import { ProblemBox, StateMark, useTitle } from '../parts/basics.tsx';
import { useService } from '../parts/service.tsx';
import { StageTable } from '../parts/stages.tsx';
import { clock, duration, percent, when } from '../parts/words.ts';
import { RunActions } from './runs.tsx';

export function RunView({ path: [, workflowId = '', part = ''] }: Route) {
  useTitle(workflowId);
  const { parts, trouble } = useTopic(`run:${workflowId}`);
  const line = parts?.['line'] as RunLine | null | undefined;
  const progress = (parts?.['progress'] ?? undefined) as Progress | undefined;
  const facts = useAnswer<RunFacts>(
    line ? `/api/runs/${encodeURIComponent(workflowId)}` : undefined,
    `${line?.state ?? ''} ${String(line?.startedAt)} ${String(progress?.stages.filter(({ state }) => state === 'done').length)}`,
  );
  if (line === null) return <Unknown workflowId={workflowId} />;
  return (
    <>
      <p class="crumbs">
        <a href={hrefOf(['runs'])}>Runs</a>
      </p>
      <div class="heading">
        <h1 class="id">{workflowId}</h1>
        {line === undefined ? null : <StateMark state={line.state} />}
        <span class="actions">
          {line === undefined ? null : <RunActions line={line} canStart={facts.value?.canStart === true} />}
        </span>
      </div>
      <ProblemBox problem={trouble === undefined ? facts.problem : { message: trouble }} />
      <ProblemBox problem={facts.value?.failure} />
      {line === undefined ? <p class="quiet">Looking …</p> : <Facts line={line} facts={facts.value} />}
      <RunTabs workflowId={workflowId} part={part} facts={facts.value} />
      {part === '' && line !== undefined ? <Now line={line} progress={progress} /> : null}
      {part === 'log' ? <Log runId={line?.runId ?? workflowId} /> : null}
      {part === 'report' ? <Report facts={facts.value} /> : null}
      {part === 'mistakes' ? <Mistakes facts={facts.value} /> : null}
      {part === 'config' ? <pre tabIndex={0}>{facts.value?.config ?? ''}</pre> : null}
    </>
  );
}

function Unknown({ workflowId }: { readonly workflowId: string }) {
  return (
    <>
      <p class="crumbs">
        <a href={hrefOf(['runs'])}>Runs</a>
      </p>
      <h1 class="id">{workflowId}</h1>
      <p class="quiet">No run with this name is known.</p>
    </>
  );
}

function Facts({ line, facts }: { readonly line: RunLine; readonly facts: RunFacts | undefined }) {
  const { startedAt, closedAt, etaS, rate, type } = line;
  const { store, dataset, trainings = [], temporal } = facts ?? {};
  return (
    <dl class="facts">
      <Fact name="Started">{when(startedAt)}</Fact>
      <Fact name="Took">{duration(((closedAt ?? Date.now()) - startedAt) / 1000)}</Fact>
      {rate === undefined ? null : <Fact name="Rate">{rate}</Fact>}
      {etaS === undefined ? null : <Fact name="Left">{duration(etaS)}</Fact>}
      <Fact name="Workflow">
        {temporal === undefined ? (
          type
        ) : (
          <a href={temporal} target="_blank" rel="noreferrer noopener">
            {type}, at Temporal
          </a>
        )}
      </Fact>
      {store === undefined || dataset === undefined ? null : (
        <Fact name="Dataset">
          <a href={hrefOf(['data', store.id, dataset.name, dataset.version])}>{dataset.name}</a>
        </Fact>
      )}
      {store === undefined || trainings.length === 0 ? null : (
        <Fact name="Curves">
          <a href={hrefOf(['curves'], { store: store.id, id: trainings.slice(0, 12) })}>
            {trainings.length === 1 ? '1 training' : `${String(trainings.length)} trainings`}
          </a>
        </Fact>
      )}
    </dl>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function RunTabs({
  workflowId,
  part,
  facts,
}: {
  readonly workflowId: string;
  readonly part: string;
  readonly facts: RunFacts | undefined;
}) {
  const tabs = [
    ['', 'Stages', true],
    ['log', 'Log', true],
    ['report', 'Report', facts?.report !== undefined || part === 'report'],
    ['mistakes', 'Mistakes', facts?.dataset !== undefined || part === 'mistakes'],
    ['config', 'Config', facts?.config !== undefined || part === 'config'],
  ] as const;
  return (
    <nav class="tabs" aria-label="Of this run">
      {tabs
        .filter(([, , isThere]) => isThere)
        .map(([id, name]) => (
          <a
            key={id}
            href={hrefOf(['runs', workflowId, ...(id === '' ? [] : [id])])}
            aria-current={part === id ? 'page' : undefined}
          >
            {name}
          </a>
        ))}
    </nav>
  );
}

function Now({ line, progress }: { readonly line: RunLine; readonly progress: Progress | undefined }) {
  const service = useService();
  const isOpen = line.state === 'running' || line.state === 'paused';
  return (
    <section aria-label="Stages">
      {isOpen ? <WorkerNote service={service} /> : null}
      {progress?.note === undefined || !isOpen ? null : (
        <p class="worker-note" role="status">
          {progress.note}
        </p>
      )}
      {progress === undefined ? (
        <p class="quiet">No worker has answered yet what it is at.</p>
      ) : progress.stages.length === 0 ? null : (
        <StageTable stages={progress.stages} ended={!isOpen} />
      )}
    </section>
  );
}

function WorkerNote({ service }: { readonly service: ServiceState | undefined }) {
  if (service === undefined) return null;
  const { worker, workerPid, workerStarts = 0, lastExit, workerFailure } = service;
  const again = workerStarts > 1 && lastExit !== undefined;
  const words =
    worker === 'broken'
      ? workerFailure
      : worker === 'starting'
        ? `No worker: ${lastExit === undefined ? 'it starts' : `it ended (${lastExit}) and is started again`}.`
        : worker === 'none'
          ? 'No worker runs, and none is being started.'
          : worker === 'working' && again
            ? `The worker ended (${lastExit}) and was started again; process ${String(workerPid)} goes on from where it was.`
            : undefined;
  if (words === undefined) return null;
  return (
    <p class={`worker-note ${worker === 'working' ? '' : 'bad'}`} role="status">
      {words}
    </p>
  );
}

function Log({ runId }: { readonly runId: string }) {
  const { parts, trouble } = useTopic(`log:${runId}`);
  const box = useRef<HTMLDivElement>(null);
  const [follows, setFollows] = useState(true);
  const lines = Object.entries(parts ?? {}) as [string, LogLine][];
  lines.sort(([, a], [, b]) => (a.at ?? 0) - (b.at ?? 0));
  useEffect(() => {
    if (follows && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  });
  return (
    <section aria-label="Log">
      <p class="quiet">
        The end of what worker and supervisor of this machine wrote: of this run, and of none.
      </p>
      <ProblemBox problem={trouble === undefined ? undefined : { message: trouble }} />
      <div
        class="log"
        ref={box}
        tabIndex={0}
        role="log"
        aria-label="Log lines"
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) =>
          setFollows(scrollHeight - scrollTop - clientHeight < 24)
        }
      >
        {lines.map(([key, { at, level, text }]) => (
          <div key={key} class={level}>
            <time>{at === undefined ? '' : clock(at)}</time>
            <span>{text}</span>
          </div>
        ))}
        {parts !== undefined && lines.length === 0 ? <p class="quiet">Nothing is written.</p> : null}
      </div>
    </section>
  );
}

function Report({ facts }: { readonly facts: RunFacts | undefined }) {
  if (facts === undefined) return <p class="quiet">Looking …</p>;
  if (facts.report === undefined) return <p class="quiet">The report is written when the run is through.</p>;
  return (
    <iframe class="report" title={`Report of ${facts.runId}`} src={facts.report} sandbox="allow-scripts" />
  );
}

const MISTAKES_SHOWN = 96;

function Mistakes({ facts }: { readonly facts: RunFacts | undefined }) {
  const { store, dataset, runId = '', workflowId = '' } = facts ?? {};
  const { value, problem } = useAnswer<readonly Mistake[]>(
    store === undefined ? undefined : `/api/stores/${store.id}/mistakes/${encodeURIComponent(runId)}`,
  );
  if (store === undefined || dataset === undefined) return <p class="quiet">Looking …</p>;
  return (
    <section aria-label="Mistakes">
      <p class="quiet">
        The test clips that each model is surest about and wrong, as in the report. Each leads to the clip.
      </p>
      <ProblemBox problem={problem} />
      {value?.length === 0 ? <p class="quiet">None, or none is evaluated yet.</p> : null}
      <ul class="clips">
        {value
          ?.slice(0, MISTAKES_SHOWN)
          .map(({ trainingId, method, seed, clipId, label, predicted, probability, frame }) => (
            <li key={`${trainingId} ${clipId}`}>
              <a
                href={hrefOf(['data', store.id, dataset.name, dataset.version, 'clip'], {
                  id: clipId,
                  run: workflowId,
                })}
              >
                {frame?.startsWith('data:image/jpeg;base64,') === true ? (
                  <img src={frame} alt="" />
                ) : (
                  <span class="no-picture">no picture</span>
                )}
                <strong>{clipId}</strong>
                <span>
                  <span class="good-word">{label}</span>, said <span class="bad-word">{predicted}</span> (
                  {percent(probability)})
                </span>
                <span class="note">
                  {method}, seed {seed}
                </span>
              </a>
            </li>
          ))}
      </ul>
    </section>
  );
}
