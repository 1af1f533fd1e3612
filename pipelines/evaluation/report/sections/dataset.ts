import { SPLITS } from '../../../../schemas/clip.ts';
import type { DatasetManifest } from '../../../../schemas/manifest.ts';
import { headName } from '../head-names.ts';
import { markup, type Html } from '../html.ts';
import type { ReportInput } from '../read-report-input.ts';
import { counted, dataTable, sectionHeading, whole } from './parts.ts';

/** Quarantined clips named on the page; the store has them all. */
const QUARANTINE_SHOWN = 50;

/** What the models were trained and judged on, and what was left out of it. */
export function datasetSection({ manifest }: ReportInput): Html {
  const { index, quarantine } = manifest;
  const quarantined =
    quarantine.length === 0
      ? 'none was quarantined'
      : `${counted(quarantine.length, 'clip')} had to be quarantined`;
  return markup`${sectionHeading(
    'data',
    'Data',
    markup`${whole(index.listed)} clips listed, ${whole(index.found)} found; ${quarantined}. Split by:
      ${index.splitRule}. ${framesText(manifest)}`,
  )}
    ${indexFindings(manifest)}
    <div class="beside">
      <div>${countsTable(manifest)}</div>
      <div>${missingTable(manifest)}</div>
    </div>
    ${quarantine.length === 0 ? undefined : quarantineTable(manifest)}`;
}

/** Which frames of a clip were looked at: not something to find out from the config. */
function framesText({ extraction: { video }, modalities }: DatasetManifest): string {
  if (!modalities.some((modality) => modality !== 'audio')) return '';
  const frames = counted(video.frames, 'frame');
  if (video.sampling === 'start')
    return `Of each clip ${frames} from its start on, ${String(video.fps)} a second; what comes later is not looked at.`;
  const parts =
    video.frames === 1 ? 'of the whole clip' : `of each of ${String(video.frames)} equal parts of the clip`;
  return video.candidates === 1
    ? `Of each clip ${frames}: the middle ${parts}.`
    : `Of each clip ${frames}: in testing the middle ${parts}, in training one of ${String(video.candidates)} of each.`;
}

function indexFindings({ index }: DatasetManifest): Html {
  const names = (examples: readonly string[], count: number): string =>
    examples.length === 0 ? '' : `: ${examples.join(', ')}${count > examples.length ? ', …' : ''}`;
  const findings = [
    ...(index.listedMissing.count > 0
      ? [
          `${counted(index.listedMissing.count, 'clip')} listed but not there${names(index.listedMissing.examples, index.listedMissing.count)}`,
        ]
      : []),
    ...(index.unlisted.count > 0
      ? [
          `${counted(index.unlisted.count, 'file')} there but in no list${names(index.unlisted.examples, index.unlisted.count)}`,
        ]
      : []),
    ...index.notes,
  ];
  if (findings.length === 0)
    return markup`<p class="note">Every listed clip was there, and every file was listed.</p>`;
  return markup`<ul class="findings">
    ${findings.map((finding) => markup`<li>${finding}</li>`)}
  </ul>`;
}

function countsTable({ classNames, splits }: DatasetManifest): Html {
  const used = SPLITS.filter((split) => splits[split].rows > 0);
  const highest = Math.max(1, ...used.flatMap((split) => splits[split].classCounts));
  return dataTable(
    'Clips by class and split',
    [
      markup`<th scope="col">Class</th>`,
      ...used.map((split) => markup`<th scope="col" class="number">${split}</th>`),
    ],
    [
      ...classNames.map(
        (name, k) =>
          markup`<tr>
            <th scope="row">${name}</th>
            ${used.map((split) => {
              const count = splits[split].classCounts[k] ?? 0;
              const width = ((100 * count) / highest).toFixed(1);
              return markup`<td class="number bar" style="--share: ${width}%">${whole(count)}</td>`;
            })}
          </tr>`,
      ),
      markup`<tr class="total">
        <th scope="row">All</th>
        ${used.map((split) => markup`<td class="number">${whole(splits[split].rows)}</td>`)}
      </tr>`,
    ],
  );
}

function missingTable({ modalities, splits }: DatasetManifest): Html {
  const used = SPLITS.filter((split) => splits[split].rows > 0);
  return dataTable(
    'Clips without a modality (masked, not filled in)',
    [
      markup`<th scope="col">Modality</th>`,
      ...used.map((split) => markup`<th scope="col" class="number">${split}</th>`),
    ],
    modalities.map(
      (modality) =>
        markup`<tr>
          <th scope="row">${headName(modality)}</th>
          ${used.map(
            (split) => markup`<td class="number">${whole(splits[split].missingCounts[modality] ?? 0)}</td>`,
          )}
        </tr>`,
    ),
  );
}

function quarantineTable({ quarantine }: DatasetManifest): Html {
  const shown = quarantine.slice(0, QUARANTINE_SHOWN);
  const caption =
    shown.length < quarantine.length
      ? `Quarantined clips, the first ${whole(shown.length)} of ${whole(quarantine.length)}`
      : 'Quarantined clips';
  return dataTable(
    caption,
    [
      markup`<th scope="col">Clip</th>`,
      markup`<th scope="col">Split</th>`,
      markup`<th scope="col">Reason</th>`,
    ],
    shown.map(
      ({ clipId, split, code, reason }) =>
        markup`<tr>
          <th scope="row">${clipId}</th>
          <td>${split}</td>
          <td class="prose">${reason} <span class="quiet">${code}</span></td>
        </tr>`,
    ),
  );
}
