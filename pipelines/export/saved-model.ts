/** A graph as a TensorFlow SavedModel: one file, the weights are constants in it. */
import { ModalmixError } from '../../schemas/errors.ts';
import { dataType, graphMessage, shapeMessage, type Spelling } from './graph/graph-message.ts';
import type { ModelGraph } from './graph/model-graph.ts';
import { encodeSavedModel, LARGEST_MESSAGE_BYTES } from './graph/tensorflow-proto.ts';
import type { OutputFile } from './output-file.ts';

const METHOD_NAME = 'tensorflow/serving/predict';
/** What TensorFlow's loaders look at in it: that it is there. */
const TENSORFLOW_VERSION = '2.8.0';
/** Room for everything but the numbers. */
const MESSAGE_MARGIN_BYTES = 2 ** 24;

/** Signatures: `serving_default`, and `with_missing`, which also takes `present`. */
export const SIGNATURES = { complete: 'serving_default', withMissing: 'with_missing' } as const;

const spelling: Spelling = {
  int: (value) => value,
  bytes: (text) => Buffer.from(text),
  tensor: ({ type, shape, values }) => ({
    dtype: dataType(type),
    tensor_shape: shapeMessage(shape, spelling),
    tensor_content: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  }),
};

/** @throws ModalmixError `config` when the model is larger than such a file can be */
export function savedModelFiles(model: ModelGraph, classes: number): OutputFile[] {
  const bytes = constantBytes(model);
  if (bytes > LARGEST_MESSAGE_BYTES - MESSAGE_MARGIN_BYTES) {
    throw new ModalmixError(
      'config',
      'the weights are larger than the 2 GiB that a frozen SavedModel can hold',
      {
        fix: 'Export them with --format safetensors or tfjs.',
      },
    );
  }
  const tensor = (name: string, shape: readonly number[]) => ({
    name: `${name}:0`,
    dtype: 'DT_FLOAT',
    tensor_shape: shapeMessage(shape, spelling),
  });
  const inputs = Object.fromEntries([...model.inputs].map(([name, shape]) => [name, tensor(name, shape)]));
  const outputs = Object.fromEntries(model.outputs.map((name) => [name, tensor(name, [-1, classes])]));
  const { name, shape } = model.optional;
  const signature = (taken: typeof inputs) => ({ inputs: taken, outputs, method_name: METHOD_NAME });
  const message = {
    saved_model_schema_version: 1,
    meta_graphs: [
      {
        meta_info_def: { tags: ['serve'], tensorflow_version: TENSORFLOW_VERSION },
        graph_def: graphMessage(model.graph, spelling),
        signature_def: {
          [SIGNATURES.complete]: signature(inputs),
          [SIGNATURES.withMissing]: signature({ ...inputs, [name]: tensor(name, shape) }),
        },
      },
    ],
  };
  return [{ path: 'saved_model.pb', bytes: encodeSavedModel(message) }];
}

function constantBytes({ graph }: ModelGraph): number {
  return graph.constants().reduce((sum, { constant }) => sum + constant.values.byteLength, 0);
}
