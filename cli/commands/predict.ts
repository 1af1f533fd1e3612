/** `modalmix predict`: what a trained model says of clips. */
import { loadConfig } from '../../pipelines/config/load-config.ts';
import { runIdOf } from '../../pipelines/config/run-id.ts';
import { chooseModel } from '../../pipelines/models/choose-model.ts';
import { runPrediction } from '../../pipelines/prediction/run-prediction.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { runConfigSchema } from '../../schemas/config/config.ts';
import { EXIT_CODES, ModalmixError } from '../../schemas/errors.ts';
import type { ChosenModel, ClipPrediction, PredictionFacts } from '../../schemas/prediction.ts';
import { clipsToPredict, type NamedFile } from '../../runs/clips-to-predict.ts';
import { chosenClass, everyClass, factsText, PredictionLines } from '../text/prediction-text.ts';
import type { Screen } from '../../runs/screen.ts';

export interface ChoiceFlags {
  readonly run?: string;
  readonly model?: string;
  readonly method?: string;
  readonly seed?: string;
  readonly store?: string;
  readonly config?: string;
  readonly set?: readonly string[];
}

export interface PredictFlags extends ChoiceFlags {
  readonly classes?: boolean;
}

/**
 * @param targets files and folders
 * @returns the exit code: that of bad input when a clip could not be used
 * @throws ModalmixError as `chooseModel`, `clipsToPredict` and `runPrediction`
 */
export async function predict(
  targets: readonly string[],
  flags: PredictFlags,
  screen: Screen,
): Promise<number> {
  const files = await clipsToPredict(targets);
  const { store, chosen } = await chosenByFlags(flags);
  const told = new Teller(files, chosen, flags.classes === true || files.length === 1, screen);
  await runPrediction({
    storeUri: store.uri,
    chosen,
    files: files.map(({ path }) => path),
    onFacts: (facts) => {
      told.facts(facts);
    },
    onPrediction: (prediction) => {
      told.prediction(prediction);
    },
  });
  return told.end();
}

/**
 * The store that the flags name, and the model in it.
 *
 * @param target id of a run or a training, or a registered model, in place of `--run` and `--model`
 */
export async function chosenByFlags(
  flags: ChoiceFlags,
  target?: string,
): Promise<{ store: Store; chosen: ChosenModel }> {
  if (flags.set !== undefined && flags.config === undefined) {
    throw new ModalmixError('config', 'it sets a value in a config, and none is named', {
      where: '--set',
      fix: "Name the run's config with --config, or leave --set out.",
    });
  }
  const config = flags.config === undefined ? undefined : await loadConfig(flags.config, flags.set);
  const store = openStore(flags.store ?? config?.store ?? runConfigSchema.shape.store.parse(undefined));
  // A config names its run as well as its store.
  const own =
    config === undefined || flags.model !== undefined || target !== undefined ? undefined : runIdOf(config);
  const run = flags.run ?? own;
  return {
    store,
    chosen: await chooseModel(store, {
      ...(target === undefined ? {} : { named: target }),
      ...(run === undefined ? {} : { run }),
      ...(flags.model === undefined ? {} : { model: flags.model }),
      ...(flags.method === undefined ? {} : { method: flags.method }),
      ...(flags.seed === undefined ? {} : { seed: seedOf(flags.seed) }),
    }),
  };
}

function seedOf(text: string): number {
  if (/^\d+$/u.test(text)) return Number(text);
  throw new ModalmixError('config', `"${text}" is no seed`, { where: '--seed', fix: 'Seeds are 0, 1, 2, …' });
}

/** Says each prediction as it comes. */
class Teller {
  readonly #files: readonly NamedFile[];
  readonly #chosen: ChosenModel;
  readonly #everyClass: boolean;
  readonly #screen: Screen;
  #facts: PredictionFacts | undefined;
  #lines: PredictionLines | undefined;
  #done = 0;
  #unusable = 0;

  constructor(files: readonly NamedFile[], chosen: ChosenModel, everyClass: boolean, screen: Screen) {
    this.#files = files;
    this.#chosen = chosen;
    this.#everyClass = everyClass;
    this.#screen = screen;
  }

  facts(facts: PredictionFacts): void {
    const { version } = this.#chosen;
    this.#facts = facts;
    this.#lines = new PredictionLines(
      facts,
      this.#files.map(({ name }) => name),
    );
    this.#screen.say(`${factsText(facts, version)}\n`);
    if (!this.#everyClass) this.#screen.say(this.#lines.header());
    this.#screen.event('model', { ...facts, ...(version === undefined ? {} : { version }) });
  }

  prediction(prediction: ClipPrediction): void {
    const facts = this.#facts!;
    const { name } = this.#files[this.#done]!;
    this.#done += 1;
    if (this.#everyClass) {
      this.#screen.say(`${everyClass(facts, name, prediction)}${this.#isLast ? '' : '\n'}`);
    } else this.#screen.say(this.#lines!.line(name, prediction));
    if ('problem' in prediction) {
      this.#unusable += 1;
      this.#screen.event('unusable', { clip: name, ...prediction });
      return;
    }
    const predicted = facts.classNames[chosenClass(prediction.fused)];
    this.#screen.event('prediction', { clip: name, predicted, ...prediction });
  }

  end(): number {
    const clips = this.#files.length;
    const unusable = this.#unusable;
    if (unusable > 0) this.#screen.say(`\n${String(unusable)} of ${String(clips)} clips could not be used.`);
    this.#screen.event('finished', { clips, unusable });
    return unusable === 0 ? EXIT_CODES.ok : EXIT_CODES.badInput;
  }

  get #isLast(): boolean {
    return this.#done === this.#files.length;
  }
}
