/**
 * The part of TensorFlow's protocol buffers that a SavedModel of an inference needs, as in its own .proto files
 * (tensorflow/core/protobuf/{saved_model,meta_graph}.proto, tensorflow/core/framework/*.proto).
 */
import protobuf from 'protobufjs';

const DEFINITION = `
syntax = "proto3";
package tensorflow;

message SavedModel { int64 saved_model_schema_version = 1; repeated MetaGraphDef meta_graphs = 2; }
message MetaGraphDef {
  message MetaInfoDef { repeated string tags = 4; string tensorflow_version = 5; }
  MetaInfoDef meta_info_def = 1;
  GraphDef graph_def = 2;
  map<string, SignatureDef> signature_def = 5;
}
message SignatureDef { map<string, TensorInfo> inputs = 1; map<string, TensorInfo> outputs = 2; string method_name = 3; }
message TensorInfo { string name = 1; DataType dtype = 2; TensorShapeProto tensor_shape = 3; }
message GraphDef { repeated NodeDef node = 1; VersionDef versions = 4; }
message VersionDef { int32 producer = 1; int32 min_consumer = 2; }
message NodeDef { string name = 1; string op = 2; repeated string input = 3; string device = 4; map<string, AttrValue> attr = 5; }
message AttrValue {
  message ListValue { repeated int64 i = 3 [packed = true]; }
  oneof value {
    bytes s = 2; int64 i = 3; float f = 4; bool b = 5; DataType type = 6; TensorShapeProto shape = 7; TensorProto tensor = 8;
    ListValue list = 1;
  }
}
message TensorShapeProto { message Dim { int64 size = 1; } repeated Dim dim = 2; }
message TensorProto { DataType dtype = 1; TensorShapeProto tensor_shape = 2; bytes tensor_content = 4; }
enum DataType { DT_INVALID = 0; DT_FLOAT = 1; DT_INT32 = 3; }
`;

const root = protobuf.parse(DEFINITION, { keepCase: true }).root;

/** Protocol buffers end at 2 GiB; TensorFlow's own limit for a graph is that as well. */
export const LARGEST_MESSAGE_BYTES = 2 ** 31 - 1;

/** The bytes of a `SavedModel` message, given with the field names of the .proto files. */
export function encodeSavedModel(message: Readonly<Record<string, unknown>>): Uint8Array {
  const type = root.lookupType('tensorflow.SavedModel');
  return type.encode(type.fromObject(message)).finish();
}
