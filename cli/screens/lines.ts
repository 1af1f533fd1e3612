import { printable } from '../../schemas/printable.ts';
import type { Progress } from '../../schemas/progress.ts';
import { shareDone, stageFacts } from '../text/stage-text.ts';
import type { Screen } from '../../runs/screen.ts';

/** A running stage is told again after this long or this much. */
const EVERY_MS = 15_000;
const EVERY_SHARE = 0.25;

/** A line when a stage starts, now and then while it runs, and when it is done. */
export class LinesScreen implements Screen {
  readonly #told = new Map<string, { state: string; share: number; atMs: number }>();
  readonly #notes = new Map<string, string>();
  #state = 'running';
  #note: string | undefined;

  say(text: string): void {
    process.stdout.write(`${printable(text)}\n`);
  }

  event(): void {
    // Facts are for scripts.
  }

  progress(progress: Progress): void {
    for (const stage of progress.stages) {
      if (stage.state === 'pending') continue;
      if (stage.note !== undefined && this.#notes.get(stage.label) !== stage.note) {
        this.#notes.set(stage.label, stage.note);
        this.say(`Mind: ${stage.label}: ${stage.note}`);
      }
      const before = this.#told.get(stage.label);
      // A workflow asked late, or by another worker, may know less than was told already.
      if (before?.state === 'done') continue;
      const share = shareDone(stage);
      const nowMs = performance.now();
      const due =
        before?.state !== stage.state ||
        (stage.state === 'running' &&
          (nowMs - before.atMs >= EVERY_MS || share - before.share >= EVERY_SHARE));
      if (!due) continue;
      this.#told.set(stage.label, { state: stage.state, share, atMs: nowMs });
      this.say(`${stage.state === 'done' ? '✔' : '·'} ${stage.label}: ${stageFacts(stage)}`);
    }
    if (progress.state !== this.#state && progress.state === 'paused') this.say('paused');
    if (progress.state !== this.#state && this.#state === 'paused') this.say('resumed');
    if (progress.note !== this.#note && progress.note !== undefined) this.say(progress.note);
    this.#state = progress.state;
    this.#note = progress.note;
  }

  close(): void {
    // Nothing is held.
  }
}
