/** What a person types to name the same target again. */
import { shellWord } from './shell-word.ts';

/** @param set what `--set` was given; other settings are another run */
export function targetWords(target: string, set: readonly string[] = []): string {
  return [target, ...set.flatMap((setting) => ['--set', setting])].map(shellWord).join(' ');
}
