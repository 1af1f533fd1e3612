/** Entry of the process that computes a stream's answers (see `answerer.ts`). */
import { entriesOf } from '../../../schemas/modality.ts';
import type { DatasetManifest } from '../../../schemas/manifest.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { serveRequests } from '../../process/serving-child.ts';
import { loadManifest } from '../../shards/manifest/load-manifest.ts';
import { openStore } from '../../store/open-store.ts';
import { decodeFeatureRecord, extractionKeyOf } from '../../streaming/rows/feature-record.ts';
import { featureProblem } from '../../streaming/rows/feature-problem.ts';
import { loadModel } from '../../training/weights/load-model.ts';
import { ClipJudge } from '../judge-clip.ts';
import { requestSchema, type Judged, type LoadRequest } from './answerer-protocol.ts';
import { drawReference, type Reference } from './reference.ts';

interface Loaded {
  readonly request: LoadRequest;
  readonly classNames: readonly string[];
  readonly judge: ClipJudge;
  readonly reference: Reference | undefined;
  readonly dispose: () => void;
}

let loaded: Loaded | undefined;

serveRequests(async (asked) => {
  const request = requestSchema.parse(asked);
  if (request.kind === 'load') {
    const before = loaded;
    loaded = undefined;
    before?.dispose();
    const { manifest, ...next } = await load(request);
    loaded = next;
    const distance = next.reference?.ownDistance(request.neighbours);
    return {
      extractorVersion: manifest.extractorVersion,
      classCounts: classCountsOf(manifest),
      ...(distance === undefined ? {} : { distance }),
    };
  }
  const by = loaded;
  if (by === undefined) throw new ModalmixError('internal', 'no version is loaded');
  return request.values.map((value) => judge(value, by, request.labelled));
});

function classCountsOf({ classNames, shards }: DatasetManifest): Record<string, number> {
  const training = shards.filter(({ split }) => split === 'train');
  const count = (label: number) =>
    training.reduce((sum, { classCounts }) => sum + (classCounts[label] ?? 0), 0);
  return Object.fromEntries(classNames.map((name, label) => [name, count(label)]));
}

async function load(request: LoadRequest) {
  const { chosen, target, referenceClips } = request;
  const { spec, weights } = chosen;
  const store = openStore(request.storeUri);
  const manifest = await loadManifest(store, spec.dataset.name, spec.dataset.version);
  // By any extractor: one's features differ from another's in their last bits alone.
  const { modalities } = target.extraction;
  const trained = extractionKeyOf({ ...manifest.extraction, modalities }, target.extractorVersion);
  if (trained !== target.extractionKey || spec.modalities.some((one) => !modalities.includes(one))) {
    throw new ModalmixError('config', 'the version was trained on features that are extracted otherwise', {
      where: spec.trainingId,
      fix: "Make a version current that was trained with this config's extraction, or use its config.",
    });
  }
  const model = await loadModel({ store, spec, manifest, weights });
  try {
    const reference =
      referenceClips === 0
        ? undefined
        : await drawReference({ store, model, spec, manifest, clips: referenceClips });
    const dispose = () => {
      model.dispose();
    };
    const judge = new ClipJudge(model, spec, manifest);
    return { manifest, request, classNames: manifest.classNames, judge, reference, dispose };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

function judge(value: Uint8Array | null, by: Loaded, labelled: boolean): Judged {
  const { target, neighbours } = by.request;
  try {
    if (value === null) throw new ModalmixError('input', 'the record has no value');
    const record = decodeFeatureRecord(value);
    const isOurs = record.dataset === undefined || record.dataset === target.name;
    if (!isOurs || record.extractionKey !== target.extractionKey) return { as: 'foreign' };
    if (record.label !== undefined && !labelled) return { as: 'labelled' };
    const problem = featureProblem(record.features, target.extraction);
    if (problem !== undefined) {
      return { as: 'invalid', reason: `the feature record is not valid: ${problem}` };
    }
    const known = by.request.chosen.spec.modalities;
    if (!known.some((modality) => record.features[modality] !== undefined)) {
      const reason = `it has no ${known.join(' and no ')}, and the current version knows nothing else`;
      return { as: 'invalid', reason };
    }
    const { fused, branches, missing, feature } = by.judge.judge(record.features);
    const distance = by.reference?.distance(feature, neighbours);
    const numbers = [fused, ...entriesOf(branches).map(([, branch]) => branch)].flatMap(
      (head) => head.probabilities,
    );
    if (![...numbers, distance ?? 0].every(Number.isFinite)) {
      return { as: 'invalid', reason: 'its features are so large that the model gives no numbers for them' };
    }
    return {
      as: 'answer',
      clipId: record.clipId,
      ...(record.label === undefined ? {} : { label: record.label }),
      sentAt: record.sentAt,
      source: record.source,
      classNames: [...by.classNames],
      fused: fused.probabilities,
      branches: Object.fromEntries(
        entriesOf(branches).map(([modality, { probabilities }]) => [modality, probabilities]),
      ),
      missing,
      ...(distance === undefined ? {} : { distance }),
    };
  } catch (error) {
    if (error instanceof ModalmixError && error.kind === 'input') {
      return { as: 'invalid', reason: error.message };
    }
    throw error;
  }
}
