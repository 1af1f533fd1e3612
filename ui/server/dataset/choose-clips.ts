/** Clips by class, split, name and oddity, a page at a time. Pure. */
import { z } from 'zod';
import { SPLITS } from '../../../schemas/clip.ts';
import type { ClipLine, ClipsPage, DatasetFacts } from '../../wire.ts';
import { missingOf, type Clip, type ClipTable } from './clip-table.ts';

export const PAGE_CLIPS = 60;

export const clipsQuerySchema = z.object({
  q: z.string().max(300).default(''),
  split: z.enum(['all', ...SPLITS]).default('all'),
  class: z.coerce.number().int().min(-1).default(-1),
  /** `missing:<modality>` */
  only: z.string().max(100).default('all'),
  page: z.coerce.number().int().nonnegative().default(0),
});
export type ClipsQuery = z.infer<typeof clipsQuerySchema>;

export function chooseClips(table: ClipTable, query: ClipsQuery): ClipsPage {
  const words = query.q
    .toLowerCase()
    .split(/\s+/u)
    .filter((word) => word !== '');
  const isOdd = oddity(table, query.only);
  const found = table.clips.filter(
    (clip) =>
      (query.split === 'all' || clip.split === query.split) &&
      (query.class === -1 || clip.label === query.class) &&
      isOdd(clip) &&
      words.every((word) => clip.clipId.toLowerCase().includes(word)),
  );
  // Copies stand beside each other.
  if (query.only === 'duplicates')
    found.sort((a, b) => (a.sha256 < b.sha256 ? -1 : a.sha256 > b.sha256 ? 1 : 0));
  const pages = Math.max(1, Math.ceil(found.length / PAGE_CLIPS));
  const page = Math.min(query.page, pages - 1);
  const shown = found.slice(page * PAGE_CLIPS, (page + 1) * PAGE_CLIPS);
  return { total: found.length, page, pages, clips: shown.map((clip) => clipLine(table, clip)) };
}

function oddity(table: ClipTable, only: string): (clip: Clip) => boolean {
  if (only === 'quarantined') return ({ quarantine }) => quarantine !== undefined;
  if (only.startsWith('quarantined:')) {
    const code = only.slice('quarantined:'.length);
    return ({ quarantine }) => quarantine?.code === code;
  }
  if (only === 'duplicates') return ({ sha256 }) => table.copies.has(sha256);
  if (only.startsWith('missing:')) {
    const modality = only.slice('missing:'.length);
    return (clip) => (missingOf(table, clip) as readonly string[]).includes(modality);
  }
  return () => true;
}

export function clipLine(table: ClipTable, clip: Clip): ClipLine {
  const { clipId, label, split, sha256, shard, quarantine } = clip;
  const missing = missingOf(table, clip);
  return {
    ...{ clipId, label, split, missing },
    copies: table.copies.get(sha256)?.length ?? 1,
    ...(quarantine === undefined ? {} : { quarantine: { code: quarantine.code, reason: quarantine.reason } }),
    pictured: shard !== undefined && table.manifest.modalities.includes('rgb') && !missing.includes('rgb'),
  };
}

export function datasetFacts(table: ClipTable): DatasetFacts {
  const { manifest, clips, copies, hasFiles } = table;
  const { name, version, classNames, modalities, splits, quarantine, index } = manifest;
  const codes = new Map<string, number>();
  for (const { code } of quarantine) codes.set(code, (codes.get(code) ?? 0) + 1);
  return {
    ...{ name, version, classNames, modalities, hasFiles },
    splits: SPLITS.flatMap((split) => {
      const { rows, classCounts, missingCounts } = splits[split];
      return rows === 0
        ? []
        : [{ split, rows, classCounts, missing: missingCounts as Record<string, number> }];
    }),
    quarantined: [...codes].map(([code, count]) => ({ code, count })),
    duplicates: [...copies.values()].reduce((sum, places) => sum + places.length, 0),
    clips: clips.length,
    splitRule: index.splitRule,
    notes: index.notes,
  };
}
