/** Predictions for a terminal: a line a clip, or a clip's every class. Pure. */
import { entriesOf } from '../../schemas/modality.ts';
import type { ClipPrediction, HeadPrediction, PredictionFacts } from '../../schemas/prediction.ts';
import { textTable } from './text-table.ts';
import { oneLine } from '../../schemas/printable.ts';

const DECIMALS = 3;
/** `0.000` */
const NUMBER_WIDTH = DECIMALS + 2;
const BETWEEN = '  ';

/** Where the answers come from, and what a person should know of them. */
export function factsText(facts: PredictionFacts, version?: { model: string; version: number }): string {
  const { trainingId, epoch, dataset, extractorVersion } = facts;
  const registered = version === undefined ? '' : ` (version ${String(version.version)} of ${version.model})`;
  const model = `${trainingId}${registered}, epoch ${String(epoch)}, dataset ${dataset.name} ${dataset.version}`;
  if (extractorVersion.dataset === extractorVersion.here) return model;
  return (
    `${model}\nThe dataset was extracted with ${extractorVersion.dataset}, these clips with ` +
    `${extractorVersion.here}: the answers may differ a little from those of the same clips in the dataset.`
  );
}

/** A table that can be written line by line, since its widths follow from names alone. */
export class PredictionLines {
  readonly #facts: PredictionFacts;
  readonly #nameWidth: number;
  readonly #classWidth: number;

  /** @param names of all clips */
  constructor(facts: PredictionFacts, names: readonly string[]) {
    this.#facts = { ...facts, classNames: facts.classNames.map(oneLine) };
    this.#nameWidth = Math.max('clip'.length, ...names.map((name) => oneLine(name).length));
    const heads = ['fused', ...facts.modalities].map(({ length }) => length - NUMBER_WIDTH - 1);
    this.#classWidth = Math.max(...heads, ...this.#facts.classNames.map(({ length }) => length));
  }

  /** Two lines. */
  header(): string {
    const widths = [
      this.#nameWidth,
      ...Array<number>(this.#facts.modalities.length + 1).fill(this.#headWidth),
    ];
    const cells = ['clip', 'fused', ...this.#facts.modalities].map((cell, at) => cell.padEnd(widths[at]!));
    return `${cells.join(BETWEEN).trimEnd()}\n${widths.map((width) => '─'.repeat(width)).join(BETWEEN)}`;
  }

  /** The class that each head chooses, with its probability; a branch without its modality has none. */
  line(name: string, prediction: ClipPrediction): string {
    const clip = oneLine(name).padEnd(this.#nameWidth);
    if ('problem' in prediction) return `${clip}${BETWEEN}${problemText(prediction.problem)}`;
    const heads = [prediction.fused, ...this.#facts.modalities.map((one) => prediction.branches[one])];
    return [clip, ...heads.map((head) => this.#cell(head))].join(BETWEEN).trimEnd();
  }

  get #headWidth(): number {
    return this.#classWidth + 1 + NUMBER_WIDTH;
  }

  #cell(head: HeadPrediction | undefined): string {
    if (head === undefined) return '–'.padEnd(this.#headWidth);
    const chosen = chosenClass(head);
    const name = (this.#facts.classNames[chosen] ?? '').padEnd(this.#classWidth);
    return `${name} ${probabilityText(head, chosen)}`;
  }
}

/** Every class's probability by each head, the fused model's likeliest first. */
export function everyClass(facts: PredictionFacts, name: string, prediction: ClipPrediction): string {
  if ('problem' in prediction) return `${oneLine(name)}: ${problemText(prediction.problem)}`;
  const { fused, branches, missing } = prediction;
  const order = facts.classNames
    .map((_, k) => k)
    .sort((a, b) => fused.probabilities[b]! - fused.probabilities[a]! || a - b);
  const table = textTable({
    header: ['class', 'fused', ...facts.modalities],
    rows: order.map((k) => [
      facts.classNames[k]!,
      probabilityText(fused, k),
      ...facts.modalities.map((modality) => probabilityText(branches[modality], k)),
    ]),
  });
  const lacks = entriesOf(missing).map(([modality, { reason }]) => `no ${modality}: ${reason}`);
  return [oneLine(name), table, ...lacks.map(oneLine)].join('\n');
}

/** Index of the likeliest class; of equals the first. */
export function chosenClass({ probabilities }: HeadPrediction): number {
  return probabilities.indexOf(Math.max(...probabilities));
}

function probabilityText(head: HeadPrediction | undefined, k: number): string {
  return head === undefined ? '–' : head.probabilities[k]!.toFixed(DECIMALS);
}

function problemText({ code, reason }: { readonly code: string; readonly reason: string }): string {
  return `not predicted (${code}): ${reason.trim().replaceAll(/\s*\n\s*/gu, '; ')}`;
}
