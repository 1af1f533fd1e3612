import { printableJson } from '../../schemas/printable.ts';
import type { Progress } from '../../schemas/progress.ts';
import type { Screen } from '../../runs/screen.ts';

/** One JSON object a line on standard output; a progress that has not changed is not repeated. */
export class JsonScreen implements Screen {
  #last = '';

  say(): void {
    // Words are for people.
  }

  event(event: string, facts: Readonly<Record<string, unknown>>): void {
    process.stdout.write(`${printableJson(JSON.stringify({ event, ...facts }))}\n`);
  }

  progress(progress: Progress): void {
    const line = printableJson(JSON.stringify({ event: 'progress', ...progress }));
    if (line === this.#last) return;
    this.#last = line;
    process.stdout.write(`${line}\n`);
  }

  close(): void {
    // Nothing is held.
  }
}
