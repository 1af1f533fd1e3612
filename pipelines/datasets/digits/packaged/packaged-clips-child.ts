/** The child of `make-packaged-clips.ts`: speaks, draws and writes the clips it is sent. */
import { rmSync, writeFileSync } from 'node:fs';
import { failureOf, type Failure } from '../../../process/failure.ts';
import type { DigitClip } from '../plan-digits.ts';
import { DIGIT_WORDS } from '../pools.ts';
import { renderGraph, spokenByPackage } from '../render-clip.ts';
import { measureWord, wordsPerMinute, type SpokenWord } from '../speak-word.ts';
import { speakByPackagedEspeak } from './espeak.ts';
import { findPackagedFont } from './find-packaged-fonts.ts';
import { speakByFlite } from './flite.ts';
import type { PackagedClip } from './make-packaged-clips.ts';
import { writeClip } from './write-clip.ts';

process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole process group; the parent decides when its children end.
process.on('SIGINT', () => undefined);
process.on('message', (clips: readonly PackagedClip[]) => {
  void makeAll(clips).then((failure) => process.send?.(failure ?? 'done'));
});

async function makeAll(clips: readonly PackagedClip[]): Promise<Failure | undefined> {
  try {
    for (const { clip, output } of clips) {
      const word = await speak(clip, `${output}.wav`);
      try {
        writeClip(renderGraph(clip, findPackagedFont(clip.font), word), output);
      } finally {
        if (word !== undefined) rmSync(word.file, { force: true });
      }
    }
    return undefined;
  } catch (error) {
    return failureOf(error);
  }
}

async function speak(clip: DigitClip, file: string): Promise<SpokenWord | undefined> {
  const voice = spokenByPackage(clip);
  if (voice === undefined) return undefined;
  const text = DIGIT_WORDS[clip.digit] ?? '';
  const sound =
    voice.program === 'packaged-flite'
      ? speakByFlite(voice.id, text)
      : await speakByPackagedEspeak({
          voice: voice.id,
          text,
          wordsPerMinute: wordsPerMinute(clip.tempo),
          intonation: clip.intonation,
        });
  writeFileSync(file, sound);
  return { file, ...measureWord(sound, `voice ${voice.id}`) };
}
