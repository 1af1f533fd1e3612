/** How many clips were used, and which were not and why, for a terminal. Pure. */
import type { DatasetManifest } from '../../schemas/manifest.ts';
import { inOrder, type Modality } from '../../schemas/modality.ts';
import { oneLine } from '../../schemas/printable.ts';

/** Quarantined clips named; the report and the store have them all. */
const QUARANTINED_SHOWN = 5;
const SLOWER_ENGINE =
  '  Extracted by the ffmpeg program, the slower engine; why: `modalmix doctor`, docs/running.md.';

export interface DataCounts {
  /** Clips with at least one modality: the dataset's rows. */
  readonly used: number;
  /** Of these, the ones that lack the modality. */
  readonly missing: Readonly<Partial<Record<Modality, number>>>;
  /** Clips of which nothing can be used. */
  readonly quarantined: number;
  /** Clips that a list names and that have no file. */
  readonly listedMissing: number;
}

export function dataCounts({ splits, modalities, quarantine, index }: DatasetManifest): DataCounts {
  const parts = Object.values(splits);
  const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);
  return {
    used: sum(parts.map(({ rows }) => rows)),
    missing: Object.fromEntries(
      modalities.map((name) => [name, sum(parts.map(({ missingCounts }) => missingCounts[name] ?? 0))]),
    ),
    quarantined: quarantine.length,
    listedMissing: index.listedMissing.count,
  };
}

/** `Data: 42 of 46 clips used, 2 of them without audio.`, then a line for each thing that a person should know. */
export function dataText(manifest: DatasetManifest): string {
  const { used, missing, quarantined, listedMissing } = dataCounts(manifest);
  const lacking = inOrder(manifest.modalities).flatMap((name) =>
    (missing[name] ?? 0) > 0 ? [`${String(missing[name])} of them without ${name}`] : [],
  );
  const shown = manifest.quarantine.slice(0, QUARANTINED_SHOWN);
  return [
    `Data: ${[`${String(used)} of ${String(used + quarantined)} clips used`, ...lacking].join(', ')}.`,
    ...(quarantined > 0 ? [`  Quarantined, ${String(quarantined)}:`] : []),
    ...shown.map(
      ({ clipId, path, reason }) => `    ${oneLine(path.endsWith(clipId) ? clipId : path)}: ${reason}`,
    ),
    ...(quarantined > shown.length ? ['    … (the report has them all)'] : []),
    ...(listedMissing > 0
      ? [
          `  Listed without a file, ${String(listedMissing)}: ${manifest.index.listedMissing.examples.map(oneLine).join(', ')}`,
        ]
      : []),
    ...manifest.index.notes.map((note) => `  ${oneLine(note)}`),
    ...(manifest.extractorVersion.startsWith('ffmpeg-') ? [SLOWER_ENGINE] : []),
  ].join('\n');
}
