/** Writes a trained model into a folder, in a form that other programs read, with a manifest beside it. */
import { createHash } from 'node:crypto';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { isFeatures, type Modality } from '../../schemas/modality.ts';
import { EXPORT_MANIFEST, type ExportFormat, type ExportManifest } from '../../schemas/exported-model.ts';
import type { ChosenModel } from '../../schemas/prediction.ts';
import { audioShape } from '../../schemas/shard.ts';
import type { TrainingSpec } from '../../schemas/training.ts';
import { loadManifest } from '../shards/manifest/load-manifest.ts';
import type { Store } from '../store/store.ts';
import { inputScale } from '../training/data/batches.ts';
import { writeVariables } from '../training/checkpoints/checkpoint.ts';
import { createModel, fusionOf } from '../training/weights/create-model.ts';
import { channelsOf, imagesPerClip } from '../training/model/encoders/index.ts';
import { readWeights, type WeightsFile } from '../training/weights/load-model.ts';
import { modelGraph, type ModelGraph } from './graph/model-graph.ts';
import { describeInputs, describeOutputs, TO_INPUTS } from './describe.ts';
import type { OutputFile } from './output-file.ts';
import { replaceFolder } from './replace-folder.ts';
import { savedModelFiles } from './saved-model.ts';
import { tfjsFiles } from './tfjs-model.ts';
import { torchWeightFiles } from './torch-weights.ts';
import { weightsOf } from './weights.ts';

export interface ExportModelInput {
  readonly store: Store;
  readonly chosen: ChosenModel;
  readonly format: ExportFormat;
  /** A folder that is not there, is empty, or holds an earlier export, which is replaced. */
  readonly folder: string;
}

/**
 * The same model gives the same bytes.
 *
 * @throws ModalmixError `config` when the model has no such form or the folder holds something else, `input` when the
 *   training is not complete
 */
export async function exportModel({
  store,
  chosen,
  format,
  folder,
}: ExportModelInput): Promise<ExportManifest> {
  const { spec } = chosen;
  refuseFeatures(spec, format);
  const dataset = await loadManifest(store, spec.dataset.name, spec.dataset.version);
  const file = await readWeights(store, spec.trainingId, chosen.weights);
  const heads = checkedHeads(spec, dataset.classNames.length, file);
  const classes = dataset.classNames.length;
  const graph = format === 'safetensors' ? undefined : graphOf(spec, dataset, file, heads);
  const files = filesOf(format, graph, { spec, dataset, file, heads, classes });
  const manifest: ExportManifest = {
    formatVersion: 1,
    format,
    trainingId: spec.trainingId,
    ...(chosen.version === undefined ? {} : { version: chosen.version }),
    method: spec.method,
    seed: spec.seed,
    epoch: file.epoch,
    weights: { path: file.where, sha256: file.sha256() },
    dataset: spec.dataset,
    classNames: dataset.classNames,
    modalities: spec.modalities,
    inputs: graph === undefined ? [] : describeInputs(graph, dataset.extraction),
    outputs: graph === undefined ? [] : describeOutputs(graph, classes),
    preprocessing: {
      extraction: dataset.extraction,
      extractorVersion: dataset.extractorVersion,
      toInputs: TO_INPUTS(spec.training, dataset.extraction.video.candidates),
      normalisation: Object.fromEntries(
        spec.modalities.map((modality) => {
          const { mean, std } = inputScale(modality, dataset.normalisation);
          return [modality, { mean: [...mean], std: [...std] }];
        }),
      ),
      normalisedInside: graph !== undefined,
    },
    files: files.map(({ path, bytes }) => ({
      path,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    })),
  };
  const own = { path: EXPORT_MANIFEST, bytes: Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`) };
  await replaceFolder(folder, [...files, own]);
  return manifest;
}

/** @throws ModalmixError `config` for a graph of a model that takes vectors */
function refuseFeatures({ modalities, trainingId }: TrainingSpec, format: ExportFormat): void {
  const features = modalities.filter(isFeatures);
  if (format === 'safetensors' || features.length === 0) return;
  throw new ModalmixError(
    'config',
    `no ${format} is written of a model that takes ${features.join(' and ')}`,
    {
      where: trainingId,
      fix: 'Export its weights: --format safetensors.',
    },
  );
}

/**
 * @returns the prefix of classifiers of the method's own that judge a modality alone
 * @throws ModalmixError `input` when the weights are not such a model's
 */
function checkedHeads(spec: TrainingSpec, classes: number, file: WeightsFile): string | undefined {
  const model = createModel(spec, classes);
  try {
    writeVariables(model.parameters.all(), file.tensors, file.where);
    return model.extension.heads;
  } finally {
    model.dispose();
  }
}

function graphOf(
  spec: TrainingSpec,
  dataset: DatasetManifest,
  file: WeightsFile,
  heads: string | undefined,
): ModelGraph {
  const { cropPx, encoder } = spec.training;
  const { extraction, normalisation } = dataset;
  return modelGraph({
    modalities: spec.modalities,
    encoder,
    fusion: fusionOf(spec),
    heads,
    classes: dataset.classNames.length,
    weights: weightsOf(file.tensors),
    shapeOf: (modality: Modality) => {
      const [height, width] = modality === 'audio' ? audioShape(extraction.audio) : [cropPx, cropPx];
      return [imagesPerClip(modality, extraction), height, width, channelsOf(modality, spec.featureDims)];
    },
    scaleOf: (modality) => inputScale(modality, normalisation),
  });
}

interface Parts {
  readonly spec: TrainingSpec;
  readonly dataset: DatasetManifest;
  readonly file: WeightsFile;
  readonly heads: string | undefined;
  readonly classes: number;
}

function filesOf(format: ExportFormat, graph: ModelGraph | undefined, parts: Parts): OutputFile[] {
  const { spec, dataset, file, heads, classes } = parts;
  if (graph === undefined) {
    return torchWeightFiles(file.tensors, spec.modalities, heads, {
      format: 'modalmix-weights-1',
      training_id: spec.trainingId,
      epoch: String(file.epoch),
      dataset: `${dataset.name} ${dataset.version}`,
      class_names: JSON.stringify(dataset.classNames),
      modalities: JSON.stringify(spec.modalities),
      encoder: JSON.stringify(spec.training.encoder),
      fusion: fusionOf(spec).name,
      source_sha256: file.sha256(),
    });
  }
  return format === 'savedmodel'
    ? savedModelFiles(graph, classes)
    : tfjsFiles(graph, classes, `Modalmix, ${spec.trainingId}`);
}
