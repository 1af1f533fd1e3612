/** Where a worker's trainings compute: threads for each, and a GPU of its own as long as there are enough. */

export interface TrainingPlace {
  readonly threads: number;
  /** As `CUDA_VISIBLE_DEVICES` names it; absent: what the environment says. */
  readonly gpu?: string;
}

export class TrainingPlaces {
  readonly #threads: number;
  /** How many are at work on each. */
  readonly #gpus: Map<string, number>;

  constructor({ threads, gpus }: { readonly threads: number; readonly gpus: readonly string[] }) {
    this.#threads = threads;
    this.#gpus = new Map(gpus.map((gpu) => [gpu, 0]));
  }

  /** Runs the task on the GPU that fewest are at work on; of equals on the first. */
  async use<T>(task: (place: TrainingPlace) => Promise<T>): Promise<T> {
    const [free] = [...this.#gpus].toSorted(([, a], [, b]) => a - b);
    if (free === undefined) return await task({ threads: this.#threads });
    const [gpu] = free;
    this.#add(gpu, 1);
    try {
      return await task({ threads: this.#threads, gpu });
    } finally {
      this.#add(gpu, -1);
    }
  }

  #add(gpu: string, by: number): void {
    this.#gpus.set(gpu, (this.#gpus.get(gpu) ?? 0) + by);
  }
}
