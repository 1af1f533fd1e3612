/** What a trained model says of clips that no dataset holds: extracted, normalised and judged as its test clips are. */
import pLimit from 'p-limit';
import { usableCores } from '../process/machine/machine.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import type { ChosenModel, ClipPrediction, PredictionFacts } from '../../schemas/prediction.ts';
import { createExtractor } from '../extraction/create-extractor.ts';
import type { Extractor } from '../extraction/extractor.ts';
import { breathe } from '../process/child-process.ts';
import { loadManifest } from '../shards/manifest/load-manifest.ts';
import type { Store } from '../store/store.ts';
import { loadModel } from '../training/weights/load-model.ts';
import { extractFile, extractionFor, type ExtractedFile } from './extract-file.ts';
import { ClipJudge } from './judge-clip.ts';

export interface PredictClipsInput {
  readonly store: Store;
  readonly chosen: ChosenModel;
  /** Media files, absolute. */
  readonly files: readonly string[];
  readonly onFacts: (facts: PredictionFacts) => void;
  /** Called for each file once, in their order. */
  readonly onPrediction: (prediction: ClipPrediction) => void;
  readonly stopRequested: () => boolean;
}

/**
 * While a batch is judged, clip by clip, the next one is extracted; two batches are in memory at a time.
 *
 * @throws ModalmixError `input` when the training is not complete, `dependency` when nothing can extract,
 *   `cancelled` when asked to stop; a clip that cannot be used is a prediction with its problem
 */
export async function predictClips(input: PredictClipsInput): Promise<void> {
  const { store, chosen, files } = input;
  const { spec, weights } = chosen;
  const manifest = await loadManifest(store, spec.dataset.name, spec.dataset.version);
  const extractor = await createExtractor(() => undefined, manifest.extractorVersion);
  const model = await loadModel({ store, spec, manifest, weights });
  const judgeOf = new ClipJudge(model, spec, manifest);
  try {
    input.onFacts({
      trainingId: spec.trainingId,
      epoch: model.epoch,
      dataset: spec.dataset,
      classNames: manifest.classNames,
      modalities: spec.modalities,
      extractorVersion: { dataset: manifest.extractorVersion, here: extractor.version },
    });
    const { batchSize } = spec.evaluation;
    const extraction = extractionFor(spec, manifest);
    const extractBatch = (from: number) =>
      extractAll(extractor, files.slice(from, from + batchSize), extraction);
    let pending = extractBatch(0);
    for (let from = 0; from < files.length; from += batchSize) {
      const outcomes = await pending;
      if (input.stopRequested()) throw new ModalmixError('cancelled', 'the prediction was asked to stop');
      pending = extractBatch(from + batchSize);
      // It is awaited in its turn; until then a failure must not count as unhandled.
      pending.catch(() => undefined);
      for (const outcome of outcomes) {
        input.onPrediction(judge(judgeOf, outcome));
        await breathe();
      }
    }
  } finally {
    model.dispose();
  }
}

async function extractAll(
  extractor: Extractor,
  files: readonly string[],
  extraction: DatasetManifest['extraction'],
): Promise<ExtractedFile[]> {
  const limit = pLimit(usableCores());
  return await Promise.all(files.map((path) => limit(extractFile, extractor, path, extraction)));
}

function judge(judgeOf: ClipJudge, outcome: ExtractedFile): ClipPrediction {
  if (!('clip' in outcome)) return outcome;
  const { fused, branches, missing } = judgeOf.judge(outcome.clip);
  return { path: outcome.path, fused, branches, missing };
}
