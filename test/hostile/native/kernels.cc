// Our addons whose arguments follow from clips' files, as they are, on a Node-API of the driver's.
#include "kernels.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#if defined(__linux__)
#include <fcntl.h>
#include <sys/mman.h>
#endif
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "../../../pipelines/process/native/arguments.h"

#undef NAPI_MODULE_INIT
#define NAPI_MODULE_INIT() napi_value init([[maybe_unused]] napi_env env, napi_value exports)

namespace sound {
#include "../../../pipelines/extraction/native/sound_kernels.cc"
}
namespace shards {
#include "../../../pipelines/shards/native/shard_kernels.cc"
}
namespace pictures {
#include "../../../pipelines/training/data/pictures/native/picture_kernels.cc"
}

void register_kernels() {
  sound::init(nullptr, nullptr);
  shards::init(nullptr, nullptr);
  pictures::init(nullptr, nullptr);
}
