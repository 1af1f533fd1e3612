/** A graph as TensorFlow's messages (`GraphDef`), for both of its spellings: protocol buffers and their JSON. */
import type { Graph, GraphAttribute, GraphConstant, GraphType } from './graph.ts';

/** Of TensorFlow 2.8's graphs; newer ones read it, and every operator here is older. */
const PRODUCER = 1087;

const DATA_TYPES = { float32: 'DT_FLOAT', int32: 'DT_INT32' } as const;

export function dataType(type: GraphType): (typeof DATA_TYPES)[GraphType] {
  return DATA_TYPES[type];
}

/** How a spelling writes what they differ in. */
export interface Spelling {
  /** Of the message of a tensor, its numbers. */
  readonly tensor: (constant: GraphConstant) => Readonly<Record<string, unknown>>;
  readonly int: (value: number) => number | string;
  readonly bytes: (text: string) => Uint8Array | string;
}

export function graphMessage({ nodes }: Graph, spelling: Spelling): Record<string, unknown> {
  return {
    node: nodes.map(({ name, op, inputs, attributes }) => ({
      name,
      op,
      input: [...inputs],
      attr: Object.fromEntries(
        Object.entries(attributes).map(([key, value]) => [key, attributeMessage(value, spelling)]),
      ),
    })),
    versions: { producer: PRODUCER },
  };
}

/** A `TensorShapeProto`. */
export function shapeMessage(shape: readonly number[], { int }: Pick<Spelling, 'int'>): unknown {
  return { dim: shape.map((size) => ({ size: int(size) })) };
}

function attributeMessage(attribute: GraphAttribute, spelling: Spelling): Record<string, unknown> {
  if ('type' in attribute) return { type: dataType(attribute.type) };
  if ('int' in attribute) return { i: spelling.int(attribute.int) };
  if ('bool' in attribute) return { b: attribute.bool };
  if ('text' in attribute) return { s: spelling.bytes(attribute.text) };
  if ('ints' in attribute) return { list: { i: attribute.ints.map(spelling.int) } };
  if ('shape' in attribute) return { shape: shapeMessage(attribute.shape, spelling) };
  return { tensor: spelling.tensor(attribute.constant) };
}
