/** Models: versions, what the gate said of each, drift, and which one is current. */
import { useState } from 'preact/hooks';
import type { ModelFacts, ModelVersionLine, StoreFacts } from '../../wire.ts';
import { post } from '../live/api.ts';
import { hrefOf, replaceQuery, type Route } from '../live/route.ts';
import { useAnswer } from '../live/use-answer.ts';
import { useTopic } from '../live/topics.ts';
import { AnswersTable } from '../parts/answers.tsx';
import { Action, Empty, ProblemBox, useTitle } from '../parts/basics.tsx';
import { StoreChoice, useStore } from '../parts/store-choice.tsx';
import { percent, plain, when } from '../parts/words.ts';

export function ModelsView({ query }: Route) {
  useTitle('Models');
  const { stores, store, problem } = useStore(query.get('store'));
  const {
    value,
    problem: refused,
    again,
  } = useAnswer<readonly ModelFacts[]>(
    store === undefined ? undefined : `/api/stores/${store.id}/models`,
    useTopic(store === undefined ? undefined : `models:${store.id}`).parts?.['registry'],
  );
  return (
    <>
      <div class="heading">
        <h1>Models</h1>
        <StoreChoice stores={stores} store={store} onChange={(id) => replaceQuery({ store: id })} />
      </div>
      <ProblemBox problem={problem ?? refused} />
      {value?.length === 0 ? (
        <Empty>
          No model is registered in this store. <code>modalmix stream retrain</code> registers one and keeps
          it trained.
        </Empty>
      ) : null}
      {store === undefined
        ? null
        : value?.map((model) => <Model key={model.model} facts={model} store={store} onMoved={again} />)}
    </>
  );
}

function Model({
  facts,
  store,
  onMoved,
}: {
  readonly facts: ModelFacts;
  readonly store: StoreFacts;
  readonly onMoved: () => void;
}) {
  const { model, current, versions, moves, windows, answers, answerWindows, report, problem } = facts;
  const [reason, setReason] = useState('');
  const move = (kind: 'promote' | 'rollback', version?: number) => async () => {
    await post(`/api/stores/${store.id}/models/${encodeURIComponent(model)}/${kind}`, {
      reason,
      ...(version === undefined ? {} : { version }),
    });
    setReason('');
    onMoved();
  };
  if (problem !== undefined) {
    return (
      <section class="model" aria-label={`Model ${model}`}>
        <h2>{model}</h2>
        <ProblemBox problem={problem} />
      </section>
    );
  }
  return (
    <section class="model" aria-label={`Model ${model}`}>
      <div class="heading">
        <h2>{model}</h2>
        <p class="quiet">
          {current === undefined ? 'no version is current' : `version ${String(current)} is current`}
        </p>
        {report === undefined ? null : (
          <a href={report} target="_blank" rel="noopener">
            Its report
          </a>
        )}
      </div>
      <div class="tools">
        <label class="field grow">
          <span>Reason for a move by hand, kept in the log</span>
          <input
            type="text"
            value={reason}
            maxLength={500}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </label>
        <Action
          label="Roll back"
          name={`Roll back ${model}`}
          confirm="Undo the newest move?"
          onDo={move('rollback')}
        />
      </div>
      <div class="scroll" tabIndex={0} role="region" aria-label={`Versions of ${model}`}>
        <table>
          <thead>
            <tr>
              <th scope="col">Version</th>
              <th scope="col">Made</th>
              <th scope="col" class="number">
                Window
              </th>
              <th scope="col" class="number">
                Held out
              </th>
              <th scope="col" class="number">
                New data
              </th>
              <th scope="col">Gate</th>
              <th scope="col">Drift</th>
              <th scope="col">
                <span class="hidden">Do</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {versions.map((version) => (
              <VersionRow
                key={version.version}
                version={version}
                store={store}
                promote={move('promote', version.version)}
              />
            ))}
          </tbody>
        </table>
      </div>
      <details>
        <summary>Moves ({moves.length})</summary>
        <ol class="moves" reversed>
          {moves.map(({ number, at, from, to, by, reason: why }) => (
            <li key={number} value={number}>
              {from === undefined ? '' : `${String(from)} → `}
              {to} by {by}, {when(Date.parse(at))}: {why}
            </li>
          ))}
        </ol>
      </details>
      <details>
        <summary>Windows ({windows.length})</summary>
        <ol class="moves" reversed>
          {windows.map(({ number, newClips, closedAt, reason: why, note }) => (
            <li key={number} value={number}>
              {newClips} clips, closed {when(Date.parse(closedAt))} ({why})
              {note === undefined ? '' : `: ${note}`}
            </li>
          ))}
        </ol>
      </details>
      {answers.length === 0 ? null : (
        <details open>
          <summary>Answers on the stream ({answerWindows})</summary>
          <AnswersTable model={model} answers={answers} />
        </details>
      )}
    </section>
  );
}

function VersionRow({
  version: line,
  store,
  promote,
}: {
  readonly version: ModelVersionLine;
  readonly store: StoreFacts;
  readonly promote: () => Promise<void>;
}) {
  const {
    version,
    createdAt,
    window,
    newClips,
    isCurrent,
    heldOut,
    newData,
    verdict,
    reasons,
    drift,
    trainingId,
    method,
  } = line;
  const against = (judged: ModelVersionLine['heldOut']) => (
    <>
      {percent(judged?.candidate)}
      {judged?.current === undefined ? null : <span class="note">was {percent(judged.current)}</span>}
    </>
  );
  return (
    <tr class={isCurrent ? 'best' : ''}>
      <th scope="row">
        {version}
        {isCurrent ? <span class="note">current</span> : null}
      </th>
      <td>
        {when(Date.parse(createdAt))}
        <span class="note">
          <a href={hrefOf(['curves'], { store: store.id, id: trainingId })}>{method}</a>
        </span>
      </td>
      <td class="number">
        {window ?? '–'}
        {newClips === undefined ? null : <span class="note">{newClips} clips</span>}
      </td>
      <td class="number">{against(heldOut)}</td>
      <td class="number">{against(newData)}</td>
      <td class="prose">
        {verdict === '' ? (
          '–'
        ) : (
          <span class={verdict === 'promoted' ? 'good-word' : 'bad-word'}>{verdict}</span>
        )}
        {reasons.map((reason) => (
          <span key={reason} class="note">
            {reason}
          </span>
        ))}
      </td>
      <td>
        {drift === undefined ? '–' : `classes ${plain(drift.classDistance)}`}
        {drift?.modalities.map(({ modality, input, feature, rhoOld, rhoNew }) => (
          <span key={modality} class="note">
            {modality}: input {plain(input)}, features {plain(feature)}, ρ {plain(rhoOld)} → {plain(rhoNew)}
          </span>
        ))}
      </td>
      <td>
        {isCurrent ? null : (
          <Action
            quiet
            label="Promote"
            name={`Promote version ${String(version)}`}
            confirm={`Make ${String(version)} current?`}
            onDo={promote}
          />
        )}
      </td>
    </tr>
  );
}
