/** A worker thread that answers what it is asked, each question by its number. */
import type { Worker } from 'node:worker_threads';
import { ModalmixError } from '../../schemas/errors.ts';

/** A question or its answer, as it is sent. */
export interface Numbered<T> {
  readonly id: number;
  readonly body: T;
}

interface Waiting<Answer> {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

export class AskedThread<Request, Answer> {
  readonly #worker: Worker;
  readonly #doing: string;
  readonly #waiting = new Map<number, Waiting<Answer>>();
  #ended: ModalmixError | undefined;
  #nextId = 0;

  /**
   * @param doing where errors say that they are, as in `writing shards`
   * @param ended what is said when it ends unasked
   */
  constructor(worker: Worker, doing: string, ended: string) {
    this.#worker = worker;
    this.#doing = doing;
    worker.on('message', ({ id, body }: Numbered<Answer>) => {
      this.#settle(id)?.resolve(body);
    });
    worker.on('error', (error) => {
      this.#end(error instanceof Error ? error : new Error(String(error)));
    });
    worker.on('exit', () => {
      this.#end(new Error(ended));
    });
    // It keeps no process alive; what it is asked does.
    worker.unref();
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** @throws ModalmixError `internal` when the thread has ended, or ends before it answers */
  async ask(request: Request): Promise<Answer> {
    if (this.#ended !== undefined) throw this.#ended;
    const id = this.#nextId;
    this.#nextId += 1;
    const answered = new Promise<Answer>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    this.#worker.ref();
    this.#worker.postMessage({ id, body: request } satisfies Numbered<Request>);
    return await answered;
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #settle(id: number): Waiting<Answer> | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker.unref();
    return waiting;
  }

  #end(error: Error): void {
    this.#ended ??= new ModalmixError('internal', error.message, { where: this.#doing, cause: error });
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(this.#ended);
  }
}
