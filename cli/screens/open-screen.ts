/** The screen that fits where the words go. */
import { BarsScreen } from './bars.ts';
import { JsonScreen } from './json.ts';
import { LinesScreen } from './lines.ts';
import type { Screen } from '../../runs/screen.ts';

export interface ScreenFlags {
  readonly json?: boolean;
}

export function openScreen(flags: ScreenFlags): Screen {
  if (flags.json === true) return new JsonScreen();
  return process.stdout.isTTY ? new BarsScreen() : new LinesScreen();
}
