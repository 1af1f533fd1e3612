import { markup, type Html } from '../../../evaluation/report/html.ts';
import { counted, factList, whole } from '../../../evaluation/report/sections/parts.ts';
import type { ModelHistory } from '../../history.ts';
import { minute, percent } from './parts.ts';

/** The model's name, which version is current and why, and the facts one asks first. */
export function headerSection(history: ModelHistory): Html {
  const { model, versions, windows, moves } = history;
  const newest = versions.at(-1);
  const clips = windows.reduce((sum, { newClips }) => sum + newClips, 0);
  const judged = versions.filter(({ decision }) => decision !== undefined);
  const promoted = judged.filter(({ decision }) => decision?.promoted === true).length;
  const byHand = moves.filter(({ by }) => by === 'promote' || by === 'rollback').length;
  const facts: readonly (readonly [string, string])[] = [
    ['Versions', whole(versions.length)],
    ['Promoted by the gate', `${whole(promoted)} of ${whole(judged.length)}`],
    ['Moves by hand', whole(byHand)],
    ['Windows', whole(windows.length)],
    ['Clips in them', whole(clips)],
    ['Classes', whole(newest?.classNames.length ?? 0)],
  ];
  return markup`<header>
    <p class="eyebrow">Modalmix model</p>
    <h1>${model}</h1>
    ${currentText(history).map((sentence, i) => markup`<p class="${i === 0 ? 'headline' : 'subline'}">${sentence}</p>`)}
    ${factList(facts, 'short')}
  </header>`;
}

function currentText({ versions, moves, current }: ModelHistory): string[] {
  const move = moves.at(-1);
  const version = versions.find((one) => one.version === current);
  if (move === undefined || version === undefined) return ['No version is current yet.'];
  const judged = version.comparison?.heldOut.candidate;
  const score =
    judged === undefined
      ? ''
      : `: ${percent(judged.accuracy)} on ${counted(judged.samples, 'held-out clip')} when it was judged`;
  const how = { first: 'as the first', gate: 'by the gate', promote: 'by hand', rollback: 'by a rollback' }[
    move.by
  ];
  return [
    `Version ${String(version.version)} is current${score}.`,
    `It became current on ${minute(move.at)} UTC ${how}: ${move.reason}`,
  ];
}
