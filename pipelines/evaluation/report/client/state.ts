/** What the reader has chosen to see. */
import { redrawAll } from './charts.ts';

const hiddenMethods = new Set<string>();
const chosenClasses = new Set<number>();
let training = 0;

export function isMethodShown(method: string): boolean {
  return !hiddenMethods.has(method);
}

/** Index of the training shown in detail. */
export function shownTraining(): number {
  return training;
}

/** All classes stand out when none is chosen. */
export function isClassChosen(k: number): boolean {
  return chosenClasses.size === 0 || chosenClasses.has(k);
}

export function toggleClass(k: number): boolean {
  if (!chosenClasses.delete(k)) chosenClasses.add(k);
  redrawAll();
  return chosenClasses.has(k);
}

/** Chips of one method on the page are one switch. */
export function listenToMethodChips(): void {
  const chips = [...document.querySelectorAll<HTMLButtonElement>('button[data-method]')];
  for (const chip of chips) {
    chip.addEventListener('click', () => {
      const method = chip.dataset['method'] ?? '';
      if (!hiddenMethods.delete(method)) hiddenMethods.add(method);
      for (const other of chips) {
        if (other.dataset['method'] === method) {
          other.setAttribute('aria-pressed', String(isMethodShown(method)));
        }
      }
      redrawAll();
    });
  }
}

/** Choices of the training on the page are one choice. */
export function listenToTrainingChoices(initial: number): void {
  training = initial;
  const choices = [...document.querySelectorAll<HTMLSelectElement>('select[data-training]')];
  const parts = [...document.querySelectorAll<HTMLElement>('[data-of-training]')];
  for (const choice of choices) {
    choice.addEventListener('change', () => {
      training = choice.selectedIndex;
      for (const other of choices) other.selectedIndex = training;
      for (const part of parts) part.hidden = part.dataset['ofTraining'] !== String(training);
      redrawAll();
    });
  }
}
