/** Steps a second and the time that is left, from this process's own steps. */
export class RateMeter {
  readonly #firstStep: number;
  readonly #startedMs = performance.now();

  /** @param step steps already done when it starts */
  constructor(step: number) {
    this.#firstStep = step;
  }

  after(step: number, total: number): { ratePerS: number; etaS: number } {
    const seconds = (performance.now() - this.#startedMs) / 1_000;
    const ratePerS = (step - this.#firstStep) / seconds;
    return { ratePerS, etaS: (total - step) / ratePerS };
  }
}
