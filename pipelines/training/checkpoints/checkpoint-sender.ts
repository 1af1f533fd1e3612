/**
 * Brings checkpoints into the store. Where that means to send them, a thread of its own does it beside the next steps:
 * a step's kernels hold this thread for a second at a time. One is on its way at most, and appears when it is complete.
 */
import { Worker } from 'node:worker_threads';
import { AskedThread } from '../../process/asked-thread.ts';
import { errorOfFailure } from '../../process/failure.ts';
import type { Store } from '../../store/store.ts';
import { dropOldCheckpoints, publishFile, writeAside } from './checkpoint-files.ts';
import type { SendAnswer, SendRequest } from './checkpoint-thread-protocol.ts';

export class CheckpointSender {
  readonly #store: Store;
  readonly #trainingId: string;
  readonly #keepLast: number;
  #thread: AskedThread<SendRequest, SendAnswer> | undefined;
  #sending: Promise<void> | undefined;
  #failure: unknown;

  /** @param keepLast older checkpoints are deleted when a newer one is complete */
  constructor(store: Store, trainingId: string, keepLast: number) {
    this.#store = store;
    this.#trainingId = trainingId;
    this.#keepLast = keepLast;
  }

  /**
   * Returns when the checkpoint is written; it is in the store then, or on its way there.
   *
   * @param paths in this order
   * @param write see `publishFile`
   * @throws ModalmixError as the store does, also for the checkpoint before
   */
  async save(paths: readonly string[], write: (file: string) => void): Promise<void> {
    if (this.#store.movesFiles) {
      await publishFile(this.#store, paths, write);
      await dropOldCheckpoints(this.#store, this.#trainingId, this.#keepLast);
      return;
    }
    await this.settled();
    const file = await writeAside(this.#store, write);
    this.#sending = this.#send(paths, file).catch((error: unknown) => {
      this.#failure = error;
    });
  }

  /** @throws ModalmixError why a checkpoint could not be sent, as soon as that is known */
  assertSent(): void {
    if (this.#failure !== undefined) throw this.#failure as Error;
  }

  /**
   * Waits until nothing is on its way any more.
   *
   * @throws ModalmixError as the store does
   */
  async settled(): Promise<void> {
    await this.#sending;
    this.assertSent();
  }

  /** Waits for what is on its way, whatever becomes of it. */
  async close(): Promise<void> {
    await this.#sending;
    await this.#thread?.terminate();
  }

  async #send(paths: readonly string[], file: string): Promise<void> {
    const answer = await this.#started().ask({
      ...{ storeUri: this.#store.uri, trainingId: this.#trainingId },
      ...{ paths, file, keepLast: this.#keepLast },
    });
    if (answer.kind === 'failed') throw errorOfFailure(answer.failure);
  }

  #started(): AskedThread<SendRequest, SendAnswer> {
    return (this.#thread ??= new AskedThread(
      new Worker(new URL('./checkpoint-thread-start.mjs', import.meta.url), { execArgv: [] }),
      'sending checkpoints',
      'the thread that sends checkpoints ended',
    ));
  }
}
