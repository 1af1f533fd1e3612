/**
 * Pretrained weights: a torchvision ResNet's state dict as safetensors, put into a modality's encoder. Its names are
 * our own; its filters are [D, C, h, w] and ours [h, w, C, D]. The classifier (`fc.*`) is left out. A model of ours that
 * was exported as safetensors is taken too: there the names begin with the modality's.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { pretrainedOf, type PretrainedWeights } from '../../../schemas/config/encoder-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { MEDIA_MODALITIES, type MediaModality } from '../../../schemas/modality.ts';
import type { TrainingSpec } from '../../../schemas/training.ts';
import { planEncoder } from '../model/encoders/index.ts';
import { convolutionNorms, type EncoderPlan } from '../../engine/network/plan.ts';
import { decodeSafetensors, type StoredTensor } from '../checkpoints/safetensors.ts';
import { tf, type Variable } from '../../engine/tensorflow.ts';
import { fromTorchLayout } from './torch-layout.ts';

const CONVERT_FIX =
  'The file must be of the same network, with torchvision’s names and layouts, as float32 (docs/models.md).';

/**
 * Overwrites the encoders' parameters and running statistics; does nothing for a config that names no weights.
 *
 * @param variables the model's, by name
 * @throws ModalmixError `config` when a modality named is not one of the training's, or the first convolution takes
 *   other channels and that is to be refused; `input` when the file cannot be read, is not the one that the spec was
 *   made for, or lacks a tensor
 */
export async function writePretrainedWeights(
  { training, modalities }: Pick<TrainingSpec, 'training' | 'modalities'>,
  variables: ReadonlyMap<string, Variable>,
): Promise<void> {
  const pretrained = pretrainedOf(training.encoder);
  for (const modality of MEDIA_MODALITIES) {
    const weights = pretrained[modality];
    if (weights === undefined) continue;
    if (!modalities.includes(modality)) {
      throw new ModalmixError(
        'config',
        `there are pretrained weights for ${modality}, which is not trained`,
        {
          where: `training.encoder.pretrained.${modality}`,
          fix: `Leave them out, or add ${modality} to extraction.modalities.`,
        },
      );
    }
    const tensors = await readPretrained(weights, modality, planEncoder(modality, training.encoder));
    for (const [name, { shape, values }] of tensors) {
      tf.tidy(() => {
        variables.get(`${modality}.${name}`)!.assign(tf.tensor(values, [...shape]));
      });
    }
  }
}

/** The plan's tensors in our layout, by their names in the plan. */
async function readPretrained(
  weights: PretrainedWeights,
  modality: MediaModality,
  plan: EncoderPlan,
): Promise<Map<string, StoredTensor>> {
  const where = weights.file;
  const expected = torchShapes(plan);
  const prefix = `${modality}.`;
  const plain = (name: string) => (name.startsWith(prefix) ? name.slice(prefix.length) : name);
  const file = decodeSafetensors(await readPinned(weights), where, (name) => expected.has(plain(name)));
  const tensors = new Map([...file.tensors].map(([name, tensor]) => [plain(name), tensor]));
  const first = convolutionNorms(plan)[0]!;
  const found = new Map<string, StoredTensor>();
  for (const [name, shape] of expected) {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw wrongTensor(name, shape, 'is not there', where);
    const isFirst = name === `${first.convolution}.weight`;
    const [, channels] = tensor.shape;
    const fits = tensor.shape.join() === shape.join();
    const differsInChannels = isFirst && differsOnlyInChannels(tensor.shape, shape);
    if (!fits && !differsInChannels) {
      throw wrongTensor(name, shape, `is [${tensor.shape.join(', ')}]`, where);
    }
    if (!fits && weights.otherChannels === 'refuse') {
      throw new ModalmixError(
        'config',
        `"${name}" takes ${String(channels)} channels, and ${modality} has ${String(first.from)}`,
        { where, fix: `Set training.encoder.pretrained.${modality}.otherChannels to average.` },
      );
    }
    found.set(name, fromTorchLayout(fits ? tensor : averageChannels(tensor, first.from)));
  }
  return found;
}

async function readPinned({ file, sha256 }: PretrainedWeights): Promise<Buffer> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw new ModalmixError('input', 'the pretrained weights cannot be read', {
      where: file,
      fix: 'The file must be at this path on every machine that trains.',
      cause: error,
    });
  }
  const found = createHash('sha256').update(bytes).digest('hex');
  if (sha256 === undefined || sha256 === found) return bytes;
  throw new ModalmixError(
    'input',
    `the pretrained weights are other ones: their sha256 should be ${sha256} and is ${found}`,
    { where: file, fix: 'Restore the file, or start the run again to train from the new one.' },
  );
}

/** PyTorch's name and shape of everything that the plan needs. */
function torchShapes(plan: EncoderPlan): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  for (const { convolution, norm, size, from, to } of convolutionNorms(plan)) {
    shapes.set(`${convolution}.weight`, [to, from, size, size]);
    for (const part of ['weight', 'bias', 'running_mean', 'running_var']) shapes.set(`${norm}.${part}`, [to]);
  }
  return shapes;
}

function differsOnlyInChannels(found: readonly number[], expected: readonly number[]): boolean {
  const [, channels] = found;
  return (
    found.length === expected.length &&
    channels !== undefined &&
    channels > 0 &&
    found.every((size, axis) => axis === 1 || size === expected[axis])
  );
}

function wrongTensor(name: string, shape: readonly number[], found: string, where: string): ModalmixError {
  return new ModalmixError('input', `"${name}" should be [${shape.join(', ')}] and ${found}`, {
    where,
    fix: CONVERT_FIX,
  });
}

/** [D, C', h, w] → [D, C, h, w]: every channel gets the sum over C', divided by C. */
function averageChannels({ shape, values }: StoredTensor, channels: number): StoredTensor {
  const [filters, from, height, width] = shape as [number, number, number, number];
  const area = height * width;
  const averaged = new Float32Array(filters * channels * area);
  for (let filter = 0; filter < filters; filter += 1) {
    for (let at = 0; at < area; at += 1) {
      let sum = 0;
      for (let channel = 0; channel < from; channel += 1)
        sum += values[(filter * from + channel) * area + at]!;
      for (let channel = 0; channel < channels; channel += 1) {
        averaged[(filter * channels + channel) * area + at] = sum / channels;
      }
    }
  }
  return { shape: [filters, channels, height, width], values: averaged };
}
