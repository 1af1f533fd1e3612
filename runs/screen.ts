/** Where a command's words go: bars for a person at a terminal, lines for a log, JSON for a script. */
import type { Progress } from '../schemas/progress.ts';

export interface Screen {
  /** Words for a person; a script does not see them. */
  say(text: string): void;
  /** A fact for a script; a person does not see it. */
  event(event: string, facts: Readonly<Record<string, unknown>>): void;
  progress(progress: Progress): void;
  /** Takes the bars away; `say` still works afterwards. */
  close(): void;
}
