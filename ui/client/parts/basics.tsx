/** Small parts that every page has. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Problem, RunState } from '../../wire.ts';
import { problemOf } from '../live/api.ts';

const STATE_MARKS: Readonly<Record<RunState, string>> = {
  running: '●',
  paused: '❚❚',
  completed: '✓',
  failed: '✕',
  cancelled: '–',
};

export function StateMark({ state }: { readonly state: RunState }) {
  return (
    <span class={`state ${state}`}>
      <span aria-hidden="true">{STATE_MARKS[state]}</span> {state}
    </span>
  );
}

export function ProblemBox({ problem }: { readonly problem: Problem | undefined }) {
  if (problem === undefined) return null;
  const { message, where, fix } = problem;
  return (
    <div class="problem" role="alert">
      <p>
        {where === undefined ? null : <code>{where}</code>} {message}
      </p>
      {fix === undefined ? null : <p class="fix">{fix}</p>}
    </div>
  );
}

/** What is there when nothing is. */
export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <div class="empty">{children}</div>;
}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

export function Select({
  label,
  value,
  choices,
  onChange,
}: {
  readonly label: string;
  readonly value: string;
  readonly choices: readonly Choice[];
  readonly onChange: (value: string) => void;
}) {
  return (
    <label class="field">
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {choices.map((one) => (
          <option key={one.value} value={one.value}>
            {one.label}
          </option>
        ))}
      </select>
    </label>
  );
}

const TYPING_MS = 200;

/** Tells what was typed when typing pauses. */
export function SearchField({
  label,
  value,
  onChange,
}: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed === value) return undefined;
    const timer = setTimeout(() => onChange(typed), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <label class="field grow">
      <span>{label}</span>
      <input
        type="search"
        value={typed}
        spellcheck={false}
        autocomplete="off"
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
    </label>
  );
}

export function Pages({
  page,
  pages,
  onPage,
}: {
  readonly page: number;
  readonly pages: number;
  readonly onPage: (page: number) => void;
}) {
  if (pages <= 1) return null;
  return (
    <nav class="pages" aria-label="Pages of the list">
      <button type="button" disabled={page <= 0} onClick={() => onPage(page - 1)}>
        Earlier
      </button>
      <span>
        {page + 1} of {pages}
      </span>
      <button type="button" disabled={page >= pages - 1} onClick={() => onPage(page + 1)}>
        Later
      </button>
    </nav>
  );
}

/** Asks once more before it does it, where that is named. */
export function Action({
  label,
  name,
  confirm,
  quiet,
  onDo,
}: {
  readonly label: string;
  readonly name?: string;
  readonly confirm?: string;
  readonly quiet?: boolean;
  readonly onDo: () => Promise<unknown>;
}) {
  const [state, setState] = useState<'ready' | 'asking' | 'doing'>('ready');
  const [problem, setProblem] = useState<Problem | undefined>();
  const run = () => {
    setState('doing');
    setProblem(undefined);
    onDo()
      .catch((error: unknown) => setProblem(problemOf(error)))
      .finally(() => setState('ready'));
  };
  return (
    <span class="action">
      {state === 'asking' ? (
        <span class="sure" role="group" aria-label={confirm}>
          <span>{confirm}</span>
          <button type="button" class="chosen" ref={(button) => button?.focus()} onClick={run}>
            {label}
          </button>
          <button type="button" onClick={() => setState('ready')}>
            No
          </button>
        </span>
      ) : (
        <button
          type="button"
          class={quiet === true ? 'quiet' : ''}
          aria-label={name}
          disabled={state === 'doing'}
          onClick={() => (confirm === undefined ? run() : setState('asking'))}
        >
          {label}
        </button>
      )}
      <ProblemBox problem={problem} />
    </span>
  );
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Modalmix`;
  }, [title]);
}
