/**
 * A dataset: clips anywhere below `root`, each with a file beside it that holds its label and, if it likes, its split:
 * `bell.mp4` and `bell.json` with `{ "label": "bell", "split": "test" }`.
 */
import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import type { Plugin } from 'modalmix';

interface Side {
  readonly label: string;
  readonly split?: 'train' | 'test';
}

export default {
  datasets: {
    'x-side-labels': async (kit, _settings, { root, testShare }) => {
      const files = (await kit.listFiles(root)).filter(kit.isMediaFile);
      const found = await Promise.all(
        files.map(async (path) => {
          const text = await readFile(path.replace(/\.\w+$/u, '.json'), 'utf8').catch(() => undefined);
          return { path, side: text === undefined ? undefined : (JSON.parse(text) as Side) };
        }),
      );
      const classNames = [...new Set(found.flatMap(({ side }) => side?.label ?? []))].sort();
      return {
        classNames,
        clips: found.flatMap(({ path, side }) =>
          side === undefined
            ? []
            : [
                {
                  clipId: kit.clipIdOf(relative(root, path)),
                  path,
                  label: classNames.indexOf(side.label),
                  ...(side.split === undefined ? {} : { split: side.split }),
                },
              ],
        ),
        splitRule: 'the files beside the clips, else by hash',
        testShare,
        listed: files.length,
        listedMissing: [],
        unlisted: found.filter(({ side }) => side === undefined).map(({ path }) => relative(root, path)),
        notes: [],
        where: root,
      };
    },
  },
} satisfies Plugin;
