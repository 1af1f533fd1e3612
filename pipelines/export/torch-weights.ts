/**
 * The weights as safetensors with torchvision's names and PyTorch's layouts, after the modality's name: `rgb.conv1.weight`,
 * `audio.layer1.0.bn2.running_var`, `fusion.classifier.weight` [to, from]. `training/pretrained-weights.ts` reads them.
 */
import type { Modality } from '../../schemas/modality.ts';
import { encodeSafetensors, type StoredTensor } from '../training/checkpoints/safetensors.ts';
import { toTorchLayout } from '../training/weights/torch-layout.ts';
import type { OutputFile } from './output-file.ts';

/**
 * What only the method's training needs (prototypes, projections) is left out.
 *
 * @param facts go into the file's metadata
 */
export function torchWeightFiles(
  tensors: ReadonlyMap<string, StoredTensor>,
  modalities: readonly Modality[],
  heads: string | undefined,
  facts: Readonly<Record<string, string>>,
): OutputFile[] {
  const parts = [...modalities, 'fusion', ...(heads === undefined ? [] : [heads])];
  const kept = [...tensors].filter(([name]) => parts.some((part) => name.startsWith(`${part}.`)));
  const turned = new Map(kept.map(([name, tensor]) => [name, toTorchLayout(tensor)]));
  return [
    { path: 'model.safetensors', bytes: encodeSafetensors({ tensors: turned, metadata: { ...facts } }) },
  ];
}
