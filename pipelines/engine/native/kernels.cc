// Training kernels for the CPU as TensorFlow operators, registered when the library is loaded. Each is a plain
// function in one of the headers; here they get their names, inputs and outputs. Channels come in eights. T,
// what pictures are stored as, is float or bfloat16.

#include <node_api.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

#include "batch-norm.h"
#include "call.h"
#include "filter-gradient.h"
#include "library-pages.h"
#include "max-pool.h"
#include "norm-pool.h"
#include "optimizers.h"
#include "random.h"
#include "winograd/operators.h"

namespace modalmix {
namespace {

NormShape norm_shape(const Settings& s, const Dims& d) {
  return {d[0] * d[1] * d[2], d[3], s.relu, s.epsilon, s.momentum};
}

template <typename T>
void norm(const Settings& s, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  const Dims channels{d[3]};
  T* y = call.output<T>(0, d);
  float* moved_mean = call.output(1, channels);
  float* moved_variance = call.output(2, channels);
  float* mean = call.output(3, channels);
  float* inverse = call.output(4, channels);
  const T* residual = call.inputs() > 5 ? call.numbers<T>(5) : nullptr;
  if (!call.ok()) return;
  normalise(norm_shape(s, d), call.numbers<T>(0), call.numbers(1), call.numbers(2), call.numbers(3), call.numbers(4),
            residual, y, moved_mean, moved_variance, mean, inverse);
}

// Inputs x, scale, offset, mean, inverse and perhaps a residual: a norm by statistics that are known.
template <typename T>
void norm_again(const Settings& s, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  T* y = call.output<T>(0, d);
  const T* residual = call.inputs() > 5 ? call.numbers<T>(5) : nullptr;
  if (!call.ok()) return;
  normalise_by(norm_shape(s, d), call.numbers<T>(0), call.numbers(1), call.numbers(2), call.numbers(3),
               call.numbers(4), residual, y);
}

// Inputs dy, x, scale, mean, inverse and, after a relu, y. With a residual its gradient is the fourth output.
template <typename T, bool residual>
void norm_gradient(const Settings& s, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  const Dims channels{d[3]};
  T* dx = call.output<T>(0, d);
  float* dscale = call.output(1, channels);
  float* doffset = call.output(2, channels);
  T* dresidual = residual ? call.output<T>(3, d) : nullptr;
  const T* y = call.inputs() > 5 ? call.numbers<T>(5) : nullptr;
  if (!call.ok()) return;
  normalise_gradient(norm_shape(s, d), call.numbers<T>(0), call.numbers<T>(1), y, call.numbers(2), call.numbers(3),
                     call.numbers(4), dx, dscale, doffset, dresidual);
}

template <typename T>
void plain_gradient(const Settings& s, Call& call) {
  norm_gradient<T, false>(s, call);
}

template <typename T>
void residual_gradient(const Settings& s, Call& call) {
  norm_gradient<T, true>(s, call);
}

template <typename T>
void pool(const Settings&, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  const PoolShape shape{d[0], d[1], d[2], d[3]};
  T* y = call.output<T>(0, {d[0], shape.rows(), shape.columns(), d[3]});
  if (call.ok()) max_pool(shape, call.numbers<T>(0), y);
}

template <typename T>
void pool_gradient(const Settings&, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  T* dx = call.output<T>(0, d);
  if (!call.ok()) return;
  max_pool_gradient({d[0], d[1], d[2], d[3]}, call.numbers<T>(0), call.numbers<T>(1), call.numbers<T>(2), dx);
}

template <typename T>
void norm_pool(const Settings& s, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  const PoolShape shape{d[0], d[1], d[2], d[3]};
  const Dims pooled{d[0], shape.rows(), shape.columns(), d[3]}, channels{d[3]};
  T* y = call.output<T>(0, pooled);
  uint8_t* places = call.output<uint8_t>(1, pooled);
  float* moved_mean = call.output(2, channels);
  float* moved_variance = call.output(3, channels);
  float* mean = call.output(4, channels);
  float* inverse = call.output(5, channels);
  const T* x = call.numbers<T>(0);
  if (!call.ok()) return;
  statistics(norm_shape(s, d), x, call.numbers(3), call.numbers(4), moved_mean, moved_variance, mean, inverse);
  pool_normalised(shape, x, call.numbers(1), call.numbers(2), mean, inverse, y, places);
}

// Inputs dy, places, x, scale, mean, inverse.
template <typename T>
void norm_pool_gradient(const Settings&, Call& call) {
  const Dims d = call.shape(2);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  const Dims channels{d[3]};
  T* dx = call.output<T>(0, d);
  float* dscale = call.output(1, channels);
  float* doffset = call.output(2, channels);
  const auto* places = call.numbers<uint8_t>(1);
  if (!call.ok()) return;
  pool_normalised_gradient({d[0], d[1], d[2], d[3]}, call.numbers<T>(0), places, call.numbers<T>(2), call.numbers(3),
                           call.numbers(4), call.numbers(5), dx, dscale, doffset);
}

template <typename T>
void direct_filter_gradient(const Settings& s, Call& call) {
  const Dims x = call.shape(0), dy = call.shape(1);
  const bool fits = x.size() == 4 && dy.size() == 4 && dy[3] % OUTER_COLUMNS == 0;
  if (!call.require(fits, "the number of output channels must be a multiple of 16")) return;
  const FilterShape shape{x[0], x[1], x[2], x[3], s.size, s.stride, s.pad, dy[1], dy[2], dy[3]};
  float* dw = call.output(0, {s.size, s.size, x[3], dy[3]});
  if (call.ok()) filter_gradient(shape, call.numbers(0), call.numbers<T>(1), dw);
}

template <typename T>
void all_windows(const Settings&, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && (sizeof(T) == sizeof(float) || d[3] % LANES == 0), EIGHTS)) return;
  const PoolShape shape{d[0], d[1], d[2], d[3]};
  float* y = call.output(0, {d[0] * shape.rows() * shape.columns(), 9 * d[3]});
  if (call.ok()) windows(shape, call.numbers<T>(0), y);
}

template <typename T>
void half(const Settings&, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  const PoolShape shape{d[0], d[1], d[2], d[3]};
  float* y = call.output(0, {d[0], shape.rows(), shape.columns(), d[3]});
  if (call.ok()) halve(shape, call.numbers<T>(0), y);
}

template <typename T>
void half_gradient(const Settings&, Call& call) {
  const Dims d = call.shape(1);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  T* dx = call.output<T>(0, d);
  if (call.ok()) halve_gradient({d[0], d[1], d[2], d[3]}, call.numbers(0), call.numbers<T>(1), dx);
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

// key and counter, as the bits of six numbers
Stream stream_of(Call& call, int index) {
  Stream stream{};
  const float* bits = call.numbers(index);
  if (bits == nullptr || !call.require(size_of(call.shape(index)) == 6, "a stream has six words")) return stream;
  std::memcpy(stream.key, bits, sizeof stream.key);
  std::memcpy(stream.counter, bits + 2, sizeof stream.counter);
  return stream;
}

void normal_numbers(const Settings&, Call& call) {
  const Stream stream = stream_of(call, 1);
  const Dims whole = call.shape(0);
  const auto* wanted = reinterpret_cast<const int32_t*>(call.numbers(0));
  if (!call.ok()) return;
  const Dims d(wanted, wanted + size_of(whole));
  float* out = call.output(0, d);
  if (call.ok()) gaussian(stream, size_of(d), out);
}

void noisy(const Settings&, Call& call) {
  const Dims d = call.shape(0);
  const Stream stream = stream_of(call, 1);
  const float* s = call.numbers(2);
  float* out = call.output(0, d);
  if (call.ok()) add_noise(stream, size_of(d), s[0], s[1], call.numbers(0), out);
}

struct Operator {
  const char* name;
  std::vector<const char*> inputs, outputs;
  int kinds;
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
  // Where pictures may be bfloat16 too.
  void (*compute16)(void*, TF_OpKernelContext*) = nullptr;
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
  if (op.kinds & FILTER) for (const char* spec : {"size: int", "stride: int", "pad: int"}) attribute(spec);
  if (op.kinds & NORM) for (const char* spec : {"relu: bool", "epsilon: float", "momentum: float"}) attribute(spec);
  if (op.kinds & ADDENDS) attribute("addends: int >= 0");
  if (op.compute16 != nullptr) attribute("T: {float, bfloat16}");
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, unknown_shape);
  TF_Status* status = TF_NewStatus();
  TF_RegisterOpDefinition(definition, status);
  const auto add_kernel = [&](TF_DataType type, void (*compute)(void*, TF_OpKernelContext*)) {
    if (TF_GetCode(status) != TF_OK || compute == nullptr) return;
    TF_KernelBuilder* kernel = TF_NewKernelBuilder(op.name, "CPU", op.create, compute, destroy);
    if (op.compute16 != nullptr) TF_KernelBuilder_TypeConstraint(kernel, "T", type, status);
    TF_RegisterKernelBuilder(op.name, kernel, status);
  };
  add_kernel(TF_FLOAT, op.compute);
  add_kernel(TF_BFLOAT16, op.compute16);
  const std::string problem = TF_GetCode(status) == TF_OK ? "" : std::string(op.name) + ": " + TF_Message(status);
  TF_DeleteStatus(status);
  return problem;
}

#define BOTH(body) compute<body<float>>, compute<body<Bfloat16>>

std::string register_all() {
  const std::vector<Operator> operators = {
      {"ModalmixWinogradInput", {"x: T"}, {"v: float"}, 0, create<0>, BOTH(winograd_input)},
      {"ModalmixWinogradOutput", {"m: float"}, {"y: T"}, GEOMETRY, create<GEOMETRY>, BOTH(winograd_output)},
      {"ModalmixWinogradOutputGradient", {"dy: T", "v: float"}, {"z: float"}, 0, create<0>,
       BOTH(winograd_output_gradient)},
      {"ModalmixWinogradInputGradient", {"m: float", "added: addends * T"}, {"dx: T"}, GEOMETRY | ADDENDS,
       create<GEOMETRY>, BOTH(winograd_input_gradient)},
      {"ModalmixWinogradFilter", {"g: float"}, {"u: float"}, 0, create<0>, compute<winograd_filter>},
      {"ModalmixWinogradFilterGradient", {"u: float"}, {"g: float"}, 0, create<0>, compute<winograd_sums_to_filter>},
      {"ModalmixWinogradConvolution", {"x: T", "g: float"}, {"y: T"}, 0, create<0>, BOTH(winograd_convolution)},
      {"ModalmixWinogradConvolutionBack", {"dy: T", "g: float", "added: addends * T"}, {"dx: T"}, ADDENDS, create<0>,
       BOTH(winograd_convolution_back)},
      {"ModalmixWinogradFilterOfPictures", {"x: T", "dy: T"}, {"g: float"}, 0, create<0>,
       BOTH(winograd_filter_of_pictures)},
      {"ModalmixNorm",
       {"x: T", "scale: float", "offset: float", "running_mean: float", "running_variance: float", "added: addends * T"},
       {"y: T", "moved_mean: float", "moved_variance: float", "mean: float", "inverse: float"},
       NORM | ADDENDS, create<NORM>, BOTH(norm)},
      {"ModalmixNormAgain",
       {"x: T", "scale: float", "offset: float", "mean: float", "inverse: float", "added: addends * T"},
       {"y: T"}, NORM | ADDENDS, create<NORM>, BOTH(norm_again)},
      {"ModalmixNormGradient",
       {"dy: T", "x: T", "scale: float", "mean: float", "inverse: float", "y: addends * T"},
       {"dx: T", "dscale: float", "doffset: float"}, ADDENDS, create<0>, BOTH(plain_gradient)},
      {"ModalmixNormResidualGradient",
       {"dy: T", "x: T", "scale: float", "mean: float", "inverse: float", "y: addends * T"},
       {"dx: T", "dscale: float", "doffset: float", "dresidual: T"}, ADDENDS, create<0>, BOTH(residual_gradient)},
      {"ModalmixMaxPool", {"x: T"}, {"y: T"}, 0, create<0>, BOTH(pool)},
      {"ModalmixMaxPoolGradient", {"x: T", "y: T", "dy: T"}, {"dx: T"}, 0, create<0>, BOTH(pool_gradient)},
      {"ModalmixNormPool",
       {"x: T", "scale: float", "offset: float", "running_mean: float", "running_variance: float"},
       {"y: T", "places: uint8", "moved_mean: float", "moved_variance: float", "mean: float", "inverse: float"},
       NORM, create<NORM>, BOTH(norm_pool)},
      {"ModalmixNormPoolGradient",
       {"dy: T", "places: uint8", "x: T", "scale: float", "mean: float", "inverse: float"},
       {"dx: T", "dscale: float", "doffset: float"}, 0, create<0>, BOTH(norm_pool_gradient)},
      {"ModalmixFilterGradient", {"x: float", "dy: T"}, {"dw: float"}, FILTER, create<FILTER>,
       BOTH(direct_filter_gradient)},
      {"ModalmixWindows", {"x: T"}, {"y: float"}, 0, create<0>, BOTH(all_windows)},
      {"ModalmixHalf", {"x: T"}, {"y: float"}, 0, create<0>, BOTH(half)},
      {"ModalmixHalfGradient", {"dy: float", "added: T"}, {"dx: T"}, 0, create<0>, BOTH(half_gradient)},
      {"ModalmixMomentum", {"weight: float", "velocity: float", "gradient: float", "settings: float"},
       {"new_weight: float", "new_velocity: float"}, 0, create<0>, compute<momentum>},
      {"ModalmixAdam", {"weight: float", "first: float", "second: float", "gradient: float", "settings: float"},
       {"new_weight: float", "new_first: float", "new_second: float"}, 0, create<0>, compute<adam>},
      {"ModalmixGaussian", {"shape: int32", "stream: int32"}, {"z: float"}, 0, create<0>, compute<normal_numbers>},
      {"ModalmixAddNoise", {"x: float", "stream: int32", "settings: float"}, {"y: float"}, 0, create<0>,
       compute<noisy>},
  };
#undef BOTH
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
