/** A table of clips with a header: `path,label[,split][,id][,group][,start][,end][,audio_path][,features:<name>]…`. */
import { dirname, join, relative, resolve } from 'node:path';
import type { DatasetConfig } from '../../../schemas/config/dataset-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { isFeatures } from '../../../schemas/modality-names.ts';
import { Spill } from '../../store/spill.ts';
import { pages } from '../../store/streams.ts';
import { clipIdOf } from '../clip-id.ts';
import { ClassLabels } from '../csv/class-labels.ts';
import { clipOfRow, type RowContext } from '../csv/clip-of-row.ts';
import { ListedPaths } from '../csv/listed-paths.ts';
import { PresentFiles } from '../csv/present-files.ts';
import { readTable } from '../csv/read-table.ts';
import { Samples } from '../csv/samples.ts';
import { TableNotes } from '../csv/table-notes.ts';
import type { DatasetAdapter, ListedClip } from '../dataset-adapter.ts';
import { walkFiles } from '../list-files.ts';
import { isMediaFile } from '../media-files.ts';
import { NamesTally } from '../names-tally.ts';
import { Recent } from '../recent.ts';

type CsvConfig = Extract<DatasetConfig, { format: 'csv' }>;

const ROWS_OF_PAGE = 1_024;

/** [clip, the file that the table names where the clip has another one]. */
type UsableClip = readonly [ListedClip, string?];

export const csv: DatasetAdapter<CsvConfig> = {
  async findClips(config, { signal }, scratch) {
    const file = resolve(config.file);
    const root = config.root === undefined ? dirname(file) : resolve(config.root);
    const labels = new ClassLabels(config.classes);
    const usable = new Spill<UsableClip>(join(scratch.folder, 'usable'), 1, scratch.held);
    const paths = new ListedPaths(scratch);
    const notes = new TableNotes(root);
    let columns: readonly string[] = [];
    let context: RowContext = { file, root, labels, features: [], hasSplits: false };
    const rows = readTable(file, 'dataset.file', (names) => {
      columns = names;
      context = { ...context, features: names.filter(isFeatures), hasSplits: names.includes('split') };
    });
    const present = new PresentFiles();
    const missing = new NamesTally();
    const samples = new Samples();
    let listed = 0;
    try {
      for await (const page of pages(rows, ROWS_OF_PAGE)) {
        if (signal?.aborted === true) throw new ModalmixError('cancelled', 'indexing was asked to stop');
        const block = page.map((row) => clipOfRow(row, context));
        const there = await present.of(new Set(block.flatMap(filesOf)));
        for (const clip of block) {
          listed += 1;
          paths.clip(clip.path, clip.clipId);
          if (clip.audioPath !== undefined) paths.sound(clip.audioPath);
          const used = withWhatIsThere(clip, there);
          notes.look(clip, used, there);
          if (used === undefined) missing.add(clip.path);
          else {
            usable.add(0, used.path === clip.path ? [used] : [used, clip.path]);
            samples.add(used);
          }
        }
      }
      // The table's own folder may be anybody's; one that was named holds this dataset.
      if (config.root !== undefined) {
        for await (const path of walkFiles(root, { where: 'dataset.root' })) {
          if (isMediaFile(path)) paths.found(path);
        }
      }
    } catch (error) {
      usable.end();
      paths.end();
      throw error;
    }
    const { unlisted } = await paths.settle((path) => relative(root, path));
    const { hasSplits } = context;
    const hasGroups = columns.includes('group');
    const classNames = labels.classNames();
    /** Without a column that says so, the pieces of one file belong together. */
    const isPiece = (path: string) => !hasGroups && paths.isSeveral(path);
    const groups = new Recent((path) => ({
      ...(isPiece(path) ? { group: clipIdOf(relative(root, path)) } : {}),
    }));
    const finished = ([clip, listedPath = clip.path]: UsableClip): ListedClip => ({
      ...clip,
      label: labels.indexOf(clip.label),
      ...groups.get(listedPath),
    });
    const grouped = hasGroups ? 'group' : paths.hasSeveral ? 'file' : 'clip';
    return {
      classNames,
      blocks: async function* () {
        for await (const block of usable.read(0)) yield block.map(finished);
      },
      samples: samples.all(),
      splitRule: hasSplits
        ? "the table's column split"
        : `test: ${String(config.testShare)} by hash of the ${grouped}`,
      ...(hasSplits ? {} : { testShare: config.testShare }),
      listed,
      listedMissing: missing.counted(),
      unlisted,
      notes: notes.all(columns, (label) => classNames[labels.indexOf(label)] ?? '', isPiece),
      where: file,
    };
  },
};

/** The clip with those of its files that are there; undefined when there is nothing to see, hear or read. */
function withWhatIsThere(listed: ListedClip, present: ReadonlySet<string>): ListedClip | undefined {
  if (listed.audioPath === undefined && listed.features === undefined) {
    return present.has(listed.path) ? listed : undefined;
  }
  const { path, audioPath, features = {}, ...clip } = listed;
  const there = Object.entries(features).filter(([, file]) => present.has(file));
  const [, first] = there[0] ?? [];
  const used = present.has(path) ? path : first;
  if (used === undefined) return undefined;
  return {
    ...{ ...clip, path: used },
    ...(audioPath !== undefined && present.has(audioPath) ? { audioPath } : {}),
    ...(there.length === 0 ? {} : { features: Object.fromEntries(there) }),
  };
}

function filesOf({ path, audioPath, features = {} }: ListedClip): string[] {
  return [path, ...(audioPath === undefined ? [] : [audioPath]), ...Object.values(features)];
}
