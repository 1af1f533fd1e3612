/**
 * A graph as a TensorFlow.js graph model: `model.json`, and the constants in binary files (`tf.io.GraphModelArtifacts`;
 * tfjs-converter's format, written without its Python program).
 */
import { dataType, graphMessage, shapeMessage, type Spelling } from './graph/graph-message.ts';
import type { GraphConstant } from './graph/graph.ts';
import type { ModelGraph } from './graph/model-graph.ts';
import type { OutputFile } from './output-file.ts';

/** As tfjs-converter cuts them, so that browsers cache them. */
const SHARD_BYTES = 4 * 2 ** 20;

/** Integers are written as text, as the JSON of protocol buffers has them. */
const spelling: Spelling = {
  int: (value) => String(value),
  bytes: (text) => Buffer.from(text).toString('base64'),
  tensor: ({ type, shape }) => ({ dtype: dataType(type), tensorShape: shapeMessage(shape, spelling) }),
};

export function tfjsFiles(model: ModelGraph, classes: number, generatedBy: string): OutputFile[] {
  const constants = model.graph.constants();
  const binary = Buffer.concat(constants.map(({ constant }) => bytesOf(constant)));
  const count = Math.max(1, Math.ceil(binary.length / SHARD_BYTES));
  const shards = Array.from({ length: count }, (_, at): OutputFile => ({
    path: `weights-${String(at + 1)}-of-${String(count)}.bin`,
    bytes: binary.subarray(at * SHARD_BYTES, (at + 1) * SHARD_BYTES),
  }));
  const tensor = (name: string, shape: readonly number[]) => [
    name,
    { name: `${name}:0`, dtype: 'DT_FLOAT', tensorShape: shapeMessage(shape, spelling) },
  ];
  const json = {
    format: 'graph-model',
    generatedBy,
    convertedBy: null,
    signature: {
      inputs: Object.fromEntries([...model.inputs].map(([name, shape]) => tensor(name, shape))) as unknown,
      outputs: Object.fromEntries(model.outputs.map((name) => tensor(name, [-1, classes]))) as unknown,
    },
    modelTopology: { ...graphMessage(model.graph, spelling), library: {} },
    weightsManifest: [
      {
        paths: shards.map(({ path }) => path),
        weights: constants.map(({ name, constant: { type, shape } }) => ({ name, shape, dtype: type })),
      },
    ],
  };
  return [{ path: 'model.json', bytes: Buffer.from(JSON.stringify(json)) }, ...shards];
}

function bytesOf({ values }: GraphConstant): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
