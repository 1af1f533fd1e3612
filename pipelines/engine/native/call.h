// A call of one of our operators by TensorFlow: its inputs, outputs and attributes.
#pragma once

#include <vector>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

#include "vector.h"

namespace modalmix {

using Dims = std::vector<int64_t>;

template <typename T>
constexpr TF_DataType TYPE_OF = TF_FLOAT;
template <>
constexpr TF_DataType TYPE_OF<Bfloat16> = TF_BFLOAT16;
template <>
constexpr TF_DataType TYPE_OF<uint8_t> = TF_UINT8;

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

  template <typename T = float>
  const T* numbers(int index) {
    TF_Tensor* tensor = input(index);
    return tensor == nullptr ? nullptr : static_cast<const T*>(TF_TensorData(tensor));
  }

  Dims shape(int index) {
    TF_Tensor* tensor = input(index);
    Dims dims;
    if (tensor == nullptr) return dims;
    for (int axis = 0; axis < TF_NumDims(tensor); axis += 1) dims.push_back(TF_Dim(tensor, axis));
    return dims;
  }

  template <typename T = float>
  T* output(int index, const Dims& dims) {
    size_t bytes = sizeof(T);
    for (int64_t dim : dims) bytes *= dim;
    TF_Tensor* tensor =
        TF_AllocateOutput(context_, index, TYPE_OF<T>, dims.data(), dims.size(), bytes, status_);
    if (!ok()) return nullptr;
    tensors_.push_back(tensor);
    return static_cast<T*>(TF_TensorData(tensor));
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
  int64_t size = 0, stride = 0, pad = 0;
  bool relu = false;
  float epsilon = 0, momentum = 0;
};

enum : int { GEOMETRY = 1, NORM = 2, ADDENDS = 4, FILTER = 8 };

template <int kinds>
static void* create(TF_OpKernelConstruction* context) {
  auto* settings = new Settings();
  TF_Status* status = TF_NewStatus();
  if (kinds & GEOMETRY) {
    TF_OpKernelConstruction_GetAttrInt64(context, "images", &settings->images, status);
    TF_OpKernelConstruction_GetAttrInt64(context, "height", &settings->height, status);
    TF_OpKernelConstruction_GetAttrInt64(context, "width", &settings->width, status);
  }
  if (kinds & FILTER) {
    TF_OpKernelConstruction_GetAttrInt64(context, "size", &settings->size, status);
    TF_OpKernelConstruction_GetAttrInt64(context, "stride", &settings->stride, status);
    TF_OpKernelConstruction_GetAttrInt64(context, "pad", &settings->pad, status);
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

static void destroy(void* settings) { delete static_cast<Settings*>(settings); }

template <void (*body)(const Settings&, Call&)>
static void compute(void* settings, TF_OpKernelContext* context) {
  Call call(context);
  body(*static_cast<const Settings*>(settings), call);
  call.finish();
}

constexpr const char* EIGHTS = "the number of channels must be a multiple of 8";

}  // namespace modalmix
