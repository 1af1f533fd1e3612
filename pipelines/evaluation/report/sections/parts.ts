/** Pieces several sections are made of. */
import type { MethodName } from '../../../../schemas/config/methods.ts';
import { markup, type Html } from '../html.ts';
import { METHOD_COLOURS } from '../method-colours.ts';
import type { ReportData } from '../report-data.ts';

/** A longer table scrolls inside its frame. */
const WHOLE_TABLE_ROWS = 24;

export function sectionHeading(id: string, title: string, lead: Html): Html {
  return markup`<h2 id="${id}-heading">${title}</h2>
    <p class="lead">${lead}</p>`;
}

/** Names and values, side by side; `long` where the values are sentences or paths. */
export function factList(facts: readonly (readonly [string, string])[], shape: 'short' | 'long'): Html {
  return markup`<dl class="${shape === 'long' ? 'facts long' : 'facts'}">
      ${facts.map(
        ([name, value]) =>
          markup`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>`;
}

/** A chart's place: heading, drawing, its values as a table on request. */
export function chartPanel(options: {
  readonly key: string;
  readonly title: string;
  /** What a person who does not see the drawing is told. */
  readonly label: string;
  readonly shape?: 'wide' | 'square' | 'matrix' | 'matrix small';
  readonly table?: boolean;
}): Html {
  const { key, title, label, shape = 'wide', table = true } = options;
  return markup`<figure class="panel">
    <figcaption><h3>${title}</h3></figcaption>
    <div class="chart ${shape}" data-chart="${key}" role="img" aria-label="${label}"></div>
    ${
      table
        ? markup`<details class="values" data-values="${key}">
            <summary>Values as a table</summary>
            <div class="scroll" tabindex="0" role="region" aria-label="${title}: values"></div>
          </details>`
        : undefined
    }
  </figure>`;
}

/** Toggles for the methods, which are also the legend of their colours. */
export function methodChips(methods: readonly MethodName[]): Html {
  return markup`<div class="chips" role="group" aria-label="Methods shown">
    ${methods.map(
      (method, i) =>
        markup`<button type="button" class="chip" data-method="${method}" aria-pressed="true">
          <span class="swatch m${i % METHOD_COLOURS}" aria-hidden="true"></span>${method}
        </button>`,
    )}
  </div>`;
}

/** Chooses the training shown in detail; every such choice on the page follows the others. */
export function trainingChoice(
  trainings: readonly { readonly method: MethodName; readonly seed: number }[],
  shown: number,
): Html {
  return markup`<label class="choice"
    >Training shown
    <select data-training autocomplete="off">
      ${trainings.map(({ method, seed }, i) => markup`<option value="${i}"${selectedIf(i === shown)}>${method}, seed ${seed}</option>`)}
    </select></label
  >`;
}

/** The script fills in a button a class. */
export function classLegend(): Html {
  return markup`<fieldset class="classes">
    <legend>Classes: choose some to pick them out</legend>
    <div class="class-list" data-class-legend></div>
  </fieldset>`;
}

export function selectedIf(selected: boolean): Html | undefined {
  return selected ? markup` selected` : undefined;
}

/**
 * A table that scrolls within itself.
 *
 * @param attributes more of the table's own
 */
export function dataTable(
  caption: string,
  head: readonly Html[],
  rows: readonly Html[],
  attributes?: Html,
): Html {
  const shape = rows.length <= WHOLE_TABLE_ROWS ? 'scroll whole' : 'scroll';
  return markup`<div class="${shape}" tabindex="0" role="region" aria-label="${caption}">
    <table${attributes}>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

export function hasSeveralSeeds(data: ReportData): boolean {
  return data.curves.length > data.methods.length;
}

export function whole(count: number): string {
  return count.toLocaleString('en-GB');
}

/** `1 clip`, `1,205 clips`. */
export function counted(count: number, thing: string): string {
  return `${whole(count)} ${thing}${count === 1 ? '' : 's'}`;
}
