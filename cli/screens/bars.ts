import { MultiBar, type SingleBar } from 'cli-progress';
import { oneLine, printable } from '../../schemas/printable.ts';
import type { Progress } from '../../schemas/progress.ts';
import { shareDone, stageFacts } from '../text/stage-text.ts';
import type { Screen } from '../../runs/screen.ts';

const LABEL_CHARACTERS = 26;
const BAR_STEPS = 1_000;
const LONGEST_BAR = 24;
const SHORTEST_BAR = 6;
/** Of a line beside its bar: the label, and facts such as `77/600 steps, 1.7 steps/s, loss 0.163, epoch 39/300, 4:21 left`. */
const BESIDE_BAR_CHARACTERS = 96;

/** A bar for each stage that runs; a stage that is done becomes a line above them. */
export class BarsScreen implements Screen {
  #bars: MultiBar | undefined;
  readonly #running = new Map<string, SingleBar>();
  readonly #done = new Set<string>();
  readonly #notes = new Map<string, string>();
  #note: SingleBar | undefined;

  say(text: string): void {
    const line = `${printable(text)}\n`;
    if (this.#bars === undefined) process.stdout.write(line);
    else this.#bars.log(line);
  }

  event(): void {
    // Facts are for scripts.
  }

  progress(progress: Progress): void {
    const bars = (this.#bars ??= openBars());
    for (const told of progress.stages) {
      const stage = { ...told, label: oneLine(told.label) };
      // A workflow asked late, or by another worker, may know less than was told already.
      if (this.#done.has(stage.label)) continue;
      if (stage.note !== undefined && this.#notes.get(stage.label) !== stage.note) {
        this.#notes.set(stage.label, stage.note);
        this.say(`Mind: ${stage.label}: ${stage.note}`);
      }
      const bar = this.#running.get(stage.label);
      if (stage.state === 'running') {
        const text = stageFacts(stage);
        const value = Math.round(BAR_STEPS * shareDone(stage));
        if (bar === undefined) {
          const payload = { label: stage.label.padEnd(LABEL_CHARACTERS), text };
          this.#running.set(stage.label, bars.create(BAR_STEPS, value, payload));
        } else bar.update(value, { text });
        continue;
      }
      if (bar !== undefined) {
        bars.remove(bar);
        this.#running.delete(stage.label);
      }
      if (stage.state === 'done') {
        this.#done.add(stage.label);
        bars.log(`✔ ${stage.label.padEnd(LABEL_CHARACTERS)} ${stageFacts(stage)}\n`);
      }
    }
    this.#tell(bars, progress.state === 'paused' ? 'paused' : progress.note && oneLine(progress.note));
    bars.update();
  }

  close(): void {
    this.#bars?.stop();
    this.#bars = undefined;
    this.#running.clear();
    this.#note = undefined;
  }

  #tell(bars: MultiBar, note: string | undefined): void {
    if (note === undefined) {
      if (this.#note !== undefined) bars.remove(this.#note);
      this.#note = undefined;
      return;
    }
    if (this.#note === undefined) {
      this.#note = bars.create(1, 0, { text: note }, { format: '  {text}' });
    } else this.#note.update(0, { text: note });
  }
}

function openBars(): MultiBar {
  return new MultiBar({
    format: '  {label} {bar} {text}',
    barsize: Math.max(SHORTEST_BAR, Math.min(LONGEST_BAR, process.stdout.columns - BESIDE_BAR_CHARACTERS)),
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    // Ctrl-C means "detach" here; the command decides what happens then.
    gracefulExit: false,
    clearOnComplete: true,
    emptyOnZero: true,
  });
}
