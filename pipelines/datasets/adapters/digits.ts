/** The embedded data: made when missing, then indexed from its own plan. */
import { join, resolve } from 'node:path';
import type { DatasetAdapter } from '../dataset-adapter.ts';
import { CLIP_FOLDER, digitGroup } from '../digits/clip-list.ts';
import { generateDigits } from '../digits/generate-digits.ts';
import { digitFileName, type DigitsConfig } from '../digits/plan-digits.ts';
import { DIGIT_WORDS } from '../digits/pools.ts';

export const digits: DatasetAdapter<DigitsConfig> = {
  async findClips(config, options) {
    const root = resolve(config.root);
    const { clips, note } = await generateDigits(config, options);
    const voices = new Set(clips.map(({ voice }) => voice)).size;
    return {
      classNames: DIGIT_WORDS,
      clips: clips.map((clip) => ({
        clipId: clip.clipId,
        path: join(root, CLIP_FOLDER, digitFileName(clip)),
        label: clip.digit,
        split: clip.split,
        group: digitGroup(clip),
      })),
      splitRule: 'test: voices and fonts that train never has',
      listed: clips.length,
      listedMissing: [],
      unlisted: [],
      notes: [
        `Embedded data, seed ${String(config.seed)}: audio clarity ${String(config.audioClarity)}, video clarity ${String(config.videoClarity)}; ${String(voices)} voices.`,
        ...(note === undefined ? [] : [note]),
      ],
      where: root,
    };
  },
};
