/** What a run is at: a bar for each stage. */
import type { StageProgress } from '../../../schemas/progress.ts';
import { count, duration } from './words.ts';

export function shareDone({ state, done, total }: StageProgress): number {
  if (state === 'done') return 1;
  return total > 0 ? Math.min(1, done / total) : 0;
}

/** In one line: a mark a stage, as long as the others. */
export function StageStrip({ stages }: { readonly stages: readonly StageProgress[] }) {
  if (stages.length === 0) return null;
  const done = stages.filter(({ state }) => state === 'done').length;
  const running = stages.filter(({ state }) => state === 'running');
  const words =
    running.length === 0
      ? `${String(done)} of ${String(stages.length)} stages`
      : running
          .map(({ label }) => label)
          .slice(0, 2)
          .join(', ');
  return (
    <div class="strip">
      <svg
        class="bars"
        viewBox={`0 0 ${String(stages.length * 20)} 6`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${String(done)} of ${String(stages.length)} stages done`}
      >
        {stages.map((stage, i) => (
          <g key={stage.label}>
            <rect class="track" x={i * 20} y="0" width="18" height="6" />
            <rect class="fill" x={i * 20} y="0" width={18 * shareDone(stage)} height="6" />
          </g>
        ))}
      </svg>
      <span class="strip-words">{words}</span>
    </div>
  );
}

export function StageTable({
  stages,
  ended,
}: {
  readonly stages: readonly StageProgress[];
  readonly ended: boolean;
}) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Stages">
      <table class="stages">
        <thead>
          <tr>
            <th scope="col">Stage</th>
            <th scope="col" class="wide">
              Done
            </th>
            <th scope="col" class="number">
              Of
            </th>
            <th scope="col" class="number">
              Rate
            </th>
            <th scope="col" class="number">
              Loss
            </th>
            <th scope="col" class="number">
              Epoch
            </th>
            <th scope="col" class="number">
              Left
            </th>
          </tr>
        </thead>
        <tbody>
          {stages.map((stage) => (
            <StageRow key={stage.label} stage={stage} ended={ended} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function StageRow({ stage, ended }: { readonly stage: StageProgress; readonly ended: boolean }) {
  const { label, state, done, total, unit, ratePerS, loss, epoch, epochs, etaS, note, reused } = stage;
  const share = shareDone(stage);
  const isRunning = state === 'running' && !ended;
  const word =
    state === 'done'
      ? 'done'
      : ended
        ? 'not done'
        : isRunning
          ? `${String(Math.round(100 * share))} %`
          : 'waiting';
  return (
    <tr class={isRunning ? 'running' : state}>
      <th scope="row">
        {label}
        {note === undefined ? null : <span class="note">{note}</span>}
      </th>
      <td class="wide">
        <span class="meter">
          <svg class="bars" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
            <rect class="track" x="0" y="0" width="100" height="6" />
            <rect class="fill" x="0" y="0" width={100 * share} height="6" />
          </svg>
          <span class="number">{word}</span>
        </span>
      </td>
      <td class="number">
        {total > 0 ? `${count(done)}/${count(total)} ${unit}` : ''}
        {reused === undefined || reused === 0 ? null : <span class="note">{count(reused)} reused</span>}
      </td>
      <td class="number" data-label="Rate">
        {isRunning && ratePerS !== undefined ? `${String(Number(ratePerS.toPrecision(3)))}/s` : ''}
      </td>
      <td class="number" data-label="Loss">
        {isRunning && loss !== undefined ? loss.toFixed(3) : ''}
      </td>
      <td class="number" data-label="Epoch">
        {isRunning && epoch !== undefined
          ? `${String(epoch)}${epochs === undefined ? '' : `/${String(epochs)}`}`
          : ''}
      </td>
      <td class="number" data-label="Left">
        {isRunning && etaS !== undefined ? duration(etaS) : ''}
      </td>
    </tr>
  );
}
