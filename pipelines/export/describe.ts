/** An exported graph's inputs and outputs in words, for the manifest. Pure. */
import type { ExtractionConfig } from '../../schemas/config/extraction-config.ts';
import type { TrainingConfig } from '../../schemas/config/training-config.ts';
import type { ExportManifest } from '../../schemas/exported-model.ts';
import { audioUnits } from '../../schemas/shard.ts';
import type { ModelGraph } from './graph/model-graph.ts';

type TensorFacts = ExportManifest['inputs'][number];

/** From a shard's columns to the inputs. */
export const TO_INPUTS = (
  { cropPx, testView }: Pick<TrainingConfig, 'cropPx' | 'testView'>,
  candidates: number,
): string => {
  const side = String(cropPx);
  const chosen = candidates === 1 ? '' : `the middle one of each ${String(candidates)} frames, and of these `;
  const square =
    testView === 'whole'
      ? `the whole picture resized bilinearly to ${side} × ${side}, whatever its proportions (between the centres of two pixels each way, without averaging over more when it shrinks)`
      : `the square of ${side} × ${side} pixels in the middle (the largest square, resized bilinearly to that, where a picture is smaller)`;
  return `audio as the column has it; of pictures ${chosen}${square}, as floats of the same values, 0…255`;
};

export function describeInputs(
  { inputs, optional }: ModelGraph,
  { audio, flow }: ExtractionConfig,
): TensorFacts[] {
  const meanings: Readonly<Record<string, string>> = {
    audio: `[clip, frequency, time], ${audioUnits(audio)} of ${String(audio.durationS)} s at ${String(audio.sampleRateHz)} Hz`,
    rgb: '[clip, frame, row, column, channel], red, green, blue, 0…255',
    flow: `[clip, frame, row, column, channel], u and v, value / 255 · ${String(2 * flow.boundPx)} − ${String(flow.boundPx)} pixels`,
  };
  return [
    ...[...inputs].map(([name, shape]) => ({
      name,
      dtype: 'float32' as const,
      shape: [...shape],
      meaning: meanings[name]!,
    })),
    {
      name: optional.name,
      dtype: 'float32',
      shape: [...optional.shape],
      meaning: `[clip, modality] in the order ${[...inputs.keys()].join(', ')}: 1 where the clip has the modality, 0 where its input is a filler (any finite numbers)`,
      optional: true,
    },
  ];
}

export function describeOutputs({ outputs }: ModelGraph, classes: number): TensorFacts[] {
  return outputs.map((name) => {
    const [head, what] = name.split('_') as [string, string];
    const of = head === 'fused' ? 'the fused model' : `the ${head} branch alone`;
    return { name, dtype: 'float32', shape: [-1, classes], meaning: `[clip, class], ${what} of ${of}` };
  });
}
