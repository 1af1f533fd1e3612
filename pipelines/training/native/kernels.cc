// Training kernels for the CPU as TensorFlow operators, registered when the library is loaded. Each is a plain
// function in one of the headers; here they get their names, inputs and outputs. Channels come in eights.

#include <node_api.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

#include "batch-norm.h"
#include "library-pages.h"
#include "max-pool.h"
#include "optimizers.h"
#include "winograd.h"

namespace modalmix {
namespace {

using Dims = std::vector<int64_t>;

// One call of an operator.
class Call {
 public:
  explicit Call(TF_OpKernelContext* context) : context_(context), status_(TF_NewStatus()) {}
  ~Call() {
    for (TF_Tensor* tensor : tensors_) TF_DeleteTensor(tensor);
    TF_DeleteStatus(status_);
  }

  TF_Tensor* input(int index) {
    TF_Tensor* tensor = nullptr;
    TF_GetInput(context_, index, &tensor, status_);
    if (!ok()) return nullptr;
    tensors_.push_back(tensor);
    return tensor;
  }

  const float* numbers(int index) {
    TF_Tensor* tensor = input(index);
    return tensor == nullptr ? nullptr : static_cast<const float*>(TF_TensorData(tensor));
  }

  Dims shape(int index) {
    TF_Tensor* tensor = input(index);
    Dims dims;
    if (tensor == nullptr) return dims;
    for (int axis = 0; axis < TF_NumDims(tensor); axis += 1) dims.push_back(TF_Dim(tensor, axis));
    return dims;
  }

  float* output(int index, const Dims& dims) {
    size_t bytes = sizeof(float);
    for (int64_t dim : dims) bytes *= dim;
    TF_Tensor* tensor = TF_AllocateOutput(context_, index, TF_FLOAT, dims.data(), dims.size(), bytes, status_);
    if (!ok()) return nullptr;
    tensors_.push_back(tensor);
    return static_cast<float*>(TF_TensorData(tensor));
  }

  int inputs() const { return TF_NumInputs(context_); }

  bool require(bool condition, const char* what) {
    if (!condition && ok()) TF_SetStatus(status_, TF_INVALID_ARGUMENT, what);
    return condition && ok();
  }

  bool ok() const { return TF_GetCode(status_) == TF_OK; }

  void finish() {
    if (!ok()) TF_OpKernelContext_Failure(context_, status_);
  }

 private:
  TF_OpKernelContext* context_;
  TF_Status* status_;
  std::vector<TF_Tensor*> tensors_;
};

// Attributes of an operator, read once.
struct Settings {
  int64_t images = 0, height = 0, width = 0;
  bool relu = false;
  float epsilon = 0, momentum = 0;
};

enum : int { GEOMETRY = 1, NORM = 2, ADDENDS = 4 };

template <int kinds>
void* create(TF_OpKernelConstruction* context) {
  auto* settings = new Settings();
  TF_Status* status = TF_NewStatus();
  if (kinds & GEOMETRY) {
    TF_OpKernelConstruction_GetAttrInt64(context, "images", &settings->images, status);
    TF_OpKernelConstruction_GetAttrInt64(context, "height", &settings->height, status);
    TF_OpKernelConstruction_GetAttrInt64(context, "width", &settings->width, status);
  }
  if (kinds & NORM) {
    TF_Bool relu = 0;
    TF_OpKernelConstruction_GetAttrBool(context, "relu", &relu, status);
    TF_OpKernelConstruction_GetAttrFloat(context, "epsilon", &settings->epsilon, status);
    TF_OpKernelConstruction_GetAttrFloat(context, "momentum", &settings->momentum, status);
    settings->relu = relu != 0;
  }
  if (TF_GetCode(status) != TF_OK) TF_OpKernelConstruction_Failure(context, status);
  TF_DeleteStatus(status);
  return settings;
}

void destroy(void* settings) { delete static_cast<Settings*>(settings); }

template <void (*body)(const Settings&, Call&)>
void compute(void* settings, TF_OpKernelContext* context) {
  Call call(context);
  body(*static_cast<const Settings*>(settings), call);
  call.finish();
}

constexpr const char* EIGHTS = "the number of channels must be a multiple of 8";

void winograd_input(const Settings&, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  const Tiling t(d[0], d[1], d[2], d[3]);
  float* v = call.output(0, {POSITIONS, t.tiles, t.channels});
  if (call.ok()) transform_input(t, call.numbers(0), v);
}

void winograd_output(const Settings& s, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 3 && d[2] % LANES == 0, EIGHTS)) return;
  Tiling t(s.images, s.height, s.width, d[2]);
  t.tiles = d[1];
  if (!call.require(d[0] == POSITIONS && t.tiles >= t.used(), "the tiles are not those of the picture")) return;
  float* y = call.output(0, {t.images, t.height, t.width, t.channels});
  if (call.ok()) transform_output(t, call.numbers(0), y);
}

void winograd_output_gradient(const Settings&, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  // As many tiles as the input has: the channels of the other side decide about the rows of zeros.
  const Dims other = call.shape(1);
  if (!call.require(other.size() == 3, "the input's tiles are needed")) return;
  Tiling t(d[0], d[1], d[2], d[3]);
  t.tiles = other[1];
  if (!call.require(t.tiles >= t.used(), "the tiles are not those of the picture")) return;
  float* z = call.output(0, {POSITIONS, t.tiles, t.channels});
  if (call.ok()) transform_output_gradient(t, call.numbers(0), z);
}

void winograd_input_gradient(const Settings& s, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 3 && d[2] % LANES == 0, EIGHTS)) return;
  Tiling t(s.images, s.height, s.width, d[2]);
  t.tiles = d[1];
  if (!call.require(t.tiles >= t.used(), "the tiles are not those of the picture")) return;
  float* dx = call.output(0, {t.images, t.height, t.width, t.channels});
  const float* addend = call.inputs() > 1 ? call.numbers(1) : nullptr;
  if (call.ok()) transform_input_gradient(t, call.numbers(0), addend, dx);
}

void winograd_filter(const Settings&, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && d[0] == 3 && d[1] == 3 && d[3] % LANES == 0, EIGHTS)) return;
  float* u = call.output(0, {POSITIONS, d[2], d[3]});
  if (call.ok()) transform_filter(d[2] * d[3], call.numbers(0), u);
}

void winograd_filter_gradient(const Settings&, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 3 && d[2] % LANES == 0, EIGHTS)) return;
  float* g = call.output(0, {3, 3, d[1], d[2]});
  if (call.ok()) transform_filter_gradient(d[1] * d[2], call.numbers(0), g);
}

NormShape norm_shape(const Settings& s, const Dims& d) {
  return {d[0] * d[1] * d[2], d[3], s.relu, s.epsilon, s.momentum};
}

void norm(const Settings& s, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  const Dims channels{d[3]};
  float* y = call.output(0, d);
  float* moved_mean = call.output(1, channels);
  float* moved_variance = call.output(2, channels);
  float* mean = call.output(3, channels);
  float* inverse = call.output(4, channels);
  const float* residual = call.inputs() > 5 ? call.numbers(5) : nullptr;
  if (!call.ok()) return;
  normalise(norm_shape(s, d), call.numbers(0), call.numbers(1), call.numbers(2), call.numbers(3), call.numbers(4),
            residual, y, moved_mean, moved_variance, mean, inverse);
}

// Inputs x, scale, offset, mean, inverse: the value of a norm without a residual once more.
void norm_again(const Settings& s, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  float* y = call.output(0, d);
  if (!call.ok()) return;
  normalise_by(norm_shape(s, d), call.numbers(0), call.numbers(1), call.numbers(2), call.numbers(3), call.numbers(4),
               nullptr, y);
}

// Inputs dy, x, scale, mean, inverse and, after a relu, y. With a residual its gradient is the fourth output.
template <bool residual>
void norm_gradient(const Settings& s, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  const Dims channels{d[3]};
  float* dx = call.output(0, d);
  float* dscale = call.output(1, channels);
  float* doffset = call.output(2, channels);
  float* dresidual = residual ? call.output(3, d) : nullptr;
  const float* y = call.inputs() > 5 ? call.numbers(5) : nullptr;
  if (!call.ok()) return;
  normalise_gradient(norm_shape(s, d), call.numbers(0), call.numbers(1), y, call.numbers(2), call.numbers(3),
                     call.numbers(4), dx, dscale, doffset, dresidual);
}

void pool(const Settings&, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  const PoolShape shape{d[0], d[1], d[2], d[3]};
  float* y = call.output(0, {d[0], shape.rows(), shape.columns(), d[3]});
  if (call.ok()) max_pool(shape, call.numbers(0), y);
}

void pool_gradient(const Settings&, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  float* dx = call.output(0, d);
  if (call.ok()) max_pool_gradient({d[0], d[1], d[2], d[3]}, call.numbers(0), call.numbers(1), call.numbers(2), dx);
}

void all_windows(const Settings&, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4, "pictures are needed")) return;
  const PoolShape shape{d[0], d[1], d[2], d[3]};
  float* y = call.output(0, {d[0] * shape.rows() * shape.columns(), 9 * d[3]});
  if (call.ok()) windows(shape, call.numbers(0), y);
}

void half(const Settings&, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  const PoolShape shape{d[0], d[1], d[2], d[3]};
  float* y = call.output(0, {d[0], shape.rows(), shape.columns(), d[3]});
  if (call.ok()) halve(shape, call.numbers(0), y);
}

void half_gradient(const Settings&, Call& call) {
  const Dims d = call.shape(1);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  float* dx = call.output(0, d);
  if (call.ok()) halve_gradient({d[0], d[1], d[2], d[3]}, call.numbers(0), call.numbers(1), dx);
}

int64_t size_of(const Dims& dims) {
  int64_t size = 1;
  for (int64_t dim : dims) size *= dim;
  return size;
}

void momentum(const Settings&, Call& call) {
  const Dims d = call.shape(0);
  const float* s = call.numbers(3);
  float* w = call.output(0, d);
  float* v = call.output(1, d);
  if (!call.ok()) return;
  momentum_step(size_of(d), {s[0], s[1], s[2]}, call.numbers(0), call.numbers(1), call.numbers(2), w, v);
}

void adam(const Settings&, Call& call) {
  const Dims d = call.shape(0);
  const float* s = call.numbers(4);
  float* w = call.output(0, d);
  float* m = call.output(1, d);
  float* v = call.output(2, d);
  if (!call.ok()) return;
  adam_step(size_of(d), {s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]}, call.numbers(0), call.numbers(1),
            call.numbers(2), call.numbers(3), w, m, v);
}

struct Operator {
  const char* name;
  std::vector<const char*> inputs, outputs;
  int kinds;
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
};

void unknown_shape(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
}

std::string register_operator(const Operator& op) {
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(op.name);
  for (const char* input : op.inputs) TF_OpDefinitionBuilderAddInput(definition, input);
  for (const char* output : op.outputs) TF_OpDefinitionBuilderAddOutput(definition, output);
  const auto attribute = [&](const char* spec) { TF_OpDefinitionBuilderAddAttr(definition, spec); };
  if (op.kinds & GEOMETRY) for (const char* spec : {"images: int", "height: int", "width: int"}) attribute(spec);
  if (op.kinds & NORM) for (const char* spec : {"relu: bool", "epsilon: float", "momentum: float"}) attribute(spec);
  if (op.kinds & ADDENDS) attribute("addends: int >= 0");
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, unknown_shape);
  TF_Status* status = TF_NewStatus();
  TF_RegisterOpDefinition(definition, status);
  if (TF_GetCode(status) == TF_OK) {
    TF_KernelBuilder* kernel = TF_NewKernelBuilder(op.name, "CPU", op.create, op.compute, destroy);
    TF_RegisterKernelBuilder(op.name, kernel, status);
  }
  const std::string problem = TF_GetCode(status) == TF_OK ? "" : std::string(op.name) + ": " + TF_Message(status);
  TF_DeleteStatus(status);
  return problem;
}

std::string register_all() {
  const std::vector<Operator> operators = {
      {"ModalmixWinogradInput", {"x: float"}, {"v: float"}, 0, create<0>, compute<winograd_input>},
      {"ModalmixWinogradOutput", {"m: float"}, {"y: float"}, GEOMETRY, create<GEOMETRY>, compute<winograd_output>},
      {"ModalmixWinogradOutputGradient", {"dy: float", "v: float"}, {"z: float"}, 0, create<0>,
       compute<winograd_output_gradient>},
      {"ModalmixWinogradInputGradient", {"m: float", "added: addends * float"}, {"dx: float"}, GEOMETRY | ADDENDS,
       create<GEOMETRY>, compute<winograd_input_gradient>},
      {"ModalmixWinogradFilter", {"g: float"}, {"u: float"}, 0, create<0>, compute<winograd_filter>},
      {"ModalmixWinogradFilterGradient", {"u: float"}, {"g: float"}, 0, create<0>, compute<winograd_filter_gradient>},
      {"ModalmixNorm",
       {"x: float", "scale: float", "offset: float", "running_mean: float", "running_variance: float",
        "added: addends * float"},
       {"y: float", "moved_mean: float", "moved_variance: float", "mean: float", "inverse: float"},
       NORM | ADDENDS, create<NORM>, compute<norm>},
      {"ModalmixNormAgain", {"x: float", "scale: float", "offset: float", "mean: float", "inverse: float"}, {"y: float"},
       NORM, create<NORM>, compute<norm_again>},
      {"ModalmixNormGradient",
       {"dy: float", "x: float", "scale: float", "mean: float", "inverse: float", "y: addends * float"},
       {"dx: float", "dscale: float", "doffset: float"}, ADDENDS, create<0>, compute<norm_gradient<false>>},
      {"ModalmixNormResidualGradient",
       {"dy: float", "x: float", "scale: float", "mean: float", "inverse: float", "y: addends * float"},
       {"dx: float", "dscale: float", "doffset: float", "dresidual: float"}, ADDENDS, create<0>,
       compute<norm_gradient<true>>},
      {"ModalmixMaxPool", {"x: float"}, {"y: float"}, 0, create<0>, compute<pool>},
      {"ModalmixMaxPoolGradient", {"x: float", "y: float", "dy: float"}, {"dx: float"}, 0, create<0>,
       compute<pool_gradient>},
      {"ModalmixWindows", {"x: float"}, {"y: float"}, 0, create<0>, compute<all_windows>},
      {"ModalmixHalf", {"x: float"}, {"y: float"}, 0, create<0>, compute<half>},
      {"ModalmixHalfGradient", {"dy: float", "added: float"}, {"dx: float"}, 0, create<0>, compute<half_gradient>},
      {"ModalmixMomentum", {"weight: float", "velocity: float", "gradient: float", "settings: float"},
       {"new_weight: float", "new_velocity: float"}, 0, create<0>, compute<momentum>},
      {"ModalmixAdam", {"weight: float", "first: float", "second: float", "gradient: float", "settings: float"},
       {"new_weight: float", "new_first: float", "new_second: float"}, 0, create<0>, compute<adam>},
  };
  for (const Operator& op : operators) {
    const std::string problem = register_operator(op);
    if (!problem.empty()) return problem;
  }
  return "";
}

}  // namespace
}  // namespace modalmix

NAPI_MODULE_INIT() {
  static const std::string problem = modalmix::register_all();
  if (!problem.empty()) napi_throw_error(env, nullptr, problem.c_str());
  modalmix::give_back_library_pages();
  return exports;
}
