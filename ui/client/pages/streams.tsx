/** Streams: how far behind each partition is, how fast it goes, and what could not be used. */
import { useState } from 'preact/hooks';
import type { LetterLine, StreamLine, StreamModel, StreamsFacts, StreamStep } from '../../wire.ts';
import { hrefOf } from '../live/route.ts';
import { useTopic } from '../live/topics.ts';
import { useAnswer } from '../live/use-answer.ts';
import { Empty, ProblemBox, useTitle } from '../parts/basics.tsx';
import { count, percent, when } from '../parts/words.ts';

const STEPS: readonly StreamStep[] = ['ingest', 'sink', 'predict'];

export function StreamsView() {
  useTitle('Streams');
  const { parts, trouble } = useTopic('streams:');
  const facts = parts?.['streams'] as StreamsFacts | undefined;
  return (
    <>
      <div class="heading">
        <h1>Streams</h1>
      </div>
      <ProblemBox problem={trouble === undefined ? undefined : { message: trouble }} />
      {facts === undefined ? (
        <p class="quiet">Looking …</p>
      ) : facts.broker === 'none' ? (
        <Empty>
          Nothing has been streamed here yet, and this page starts no broker.{' '}
          <code>modalmix demo --stream</code> shows it.
        </Empty>
      ) : facts.broker === 'stopped' ? (
        <Empty>
          The broker of this home does not run. <code>modalmix infra up</code> starts it.
        </Empty>
      ) : facts.streams.length === 0 ? (
        <Empty>The broker runs; no stream's workers are kept here, and no retraining is known.</Empty>
      ) : (
        facts.streams.map((stream) => <Stream key={stream.runId} stream={stream} />)
      )}
    </>
  );
}

function Stream({
  stream: { runId, dataset, model, topics, counts = {}, generation, publishedAt, problem },
}: {
  readonly stream: StreamLine;
}) {
  const [asked, setAsked] = useState(false);
  const behind = STEPS.filter((step) => topics.some((one) => one.step === step)).map(
    (step) =>
      `${step} ${count(topics.reduce((sum, one) => sum + (one.step === step ? one.lag : 0), 0))} behind`,
  );
  return (
    <section class="model" aria-label={`Stream of ${runId}`}>
      <div class="heading">
        <h2>{runId}</h2>
        <p class="quiet">{[...(dataset === '' ? [] : [`into ${dataset}`]), ...behind].join(', ')}</p>
        <a href={hrefOf(['models'], model === undefined ? {} : { store: model.store })}>Models and windows</a>
      </div>
      <ProblemBox problem={problem === undefined ? undefined : { message: problem }} />
      {generation === undefined ? null : (
        <dl class="facts">
          <div>
            <dt>Generation</dt>
            <dd>
              {generation}
              {publishedAt === undefined ? '' : `, ${when(Date.parse(publishedAt))}`}
            </dd>
          </div>
          {Object.entries(counts).map(([name, value]) => (
            <div key={name}>
              <dt>{name === 'deadLetters' ? 'dead letters' : name}</dt>
              <dd>{count(value ?? 0)}</dd>
            </div>
          ))}
        </dl>
      )}
      {model === undefined ? null : <ModelOfStream model={model} />}
      <div class="scroll" tabIndex={0} role="region" aria-label={`Partitions of ${runId}`}>
        <table>
          <thead>
            <tr>
              <th scope="col">Step</th>
              <th scope="col">Topic</th>
              {['Partition', 'Done', 'End', 'Behind', 'Rate'].map((name) => (
                <th key={name} scope="col" class="number">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {topics.map(({ step, topic, partition, next, end, lag, ratePerS }) => (
              <tr key={`${step} ${topic} ${String(partition)}`}>
                <th scope="row">{step}</th>
                <td>{topic}</td>
                {[partition, next, end, lag].map((value, i) => (
                  <td key={i} class="number">
                    {count(value)}
                  </td>
                ))}
                <td class="number">{ratePerS === undefined ? '–' : `${String(ratePerS)}/s`}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <details onToggle={(event) => setAsked(event.currentTarget.open)}>
        <summary>Dead letters</summary>
        {asked ? <Letters runId={runId} /> : null}
      </details>
    </section>
  );
}

function ModelOfStream({
  model: { model, current, windows, newest, answers, told },
}: {
  readonly model: StreamModel;
}) {
  return (
    <dl class="facts">
      <div>
        <dt>Model</dt>
        <dd>
          {model}
          {current === undefined ? ', no version is current' : `, version ${String(current)} is current`}
        </dd>
      </div>
      {newest === undefined ? null : (
        <div>
          <dt>Newest of {count(windows)} windows</dt>
          <dd>
            {count(newest.newClips)} clips, closed {when(Date.parse(newest.closedAt))} ({newest.reason})
            {newest.note === undefined ? '' : `: ${newest.note}`}
          </dd>
        </div>
      )}
      {told === undefined ? null : (
        <div>
          <dt>Answers told of last</dt>
          <dd>
            {answers
              .map(({ version, answers: given }) => `${count(given)} by version ${String(version)}`)
              .join(', ')}
            ; window {told.number} {when(Date.parse(told.to))}, confidence {percent(told.confidence)}
            {told.alarms.map((alarm) => (
              <span key={alarm} class="note bad-word">
                {alarm}
              </span>
            ))}
          </dd>
        </div>
      )}
    </dl>
  );
}

function Letters({ runId }: { readonly runId: string }) {
  const { value, problem } = useAnswer<readonly LetterLine[]>(
    `/api/streams/${encodeURIComponent(runId)}/letters`,
  );
  if (value === undefined)
    return problem === undefined ? <p class="quiet">Reading …</p> : <ProblemBox problem={problem} />;
  if (value.length === 0) return <p class="quiet">None.</p>;
  return (
    <ul class="letters">
      {value.map(({ place, code, message, key, rejectedAt }) => (
        <li key={place}>
          <code>{place}</code> <strong>{code}</strong> {key}{' '}
          <span class="note inline">{when(Date.parse(rejectedAt))}</span>
          <span class="note">{message}</span>
        </li>
      ))}
    </ul>
  );
}
