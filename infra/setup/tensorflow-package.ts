/** Which wheels hold libtensorflow for this machine, and what of them is wanted. */
import { ModalmixError } from '../../schemas/errors.ts';
import type { Wheel } from './wheels/wheel.ts';

export const TENSORFLOW_VERSION = '2.21.0';

/** tfjs-node's own version of libtensorflow is 2.9.1, without the GPUs of today; its C API is still this one. */
export interface TensorflowPackage {
  readonly engine: 'cpu' | 'gpu';
  readonly tensorflow: Wheel;
  /** CUDA's libraries, for the GPU. */
  readonly cuda: readonly Wheel[];
}

/** Within the wheel of TensorFlow. */
export const TENSORFLOW_FILES = [
  'tensorflow/libtensorflow_cc.so.2',
  'tensorflow/libtensorflow_framework.so.2',
  'tensorflow/include/',
] as const;

/** What TensorFlow opens by name when it finds a GPU. Linked into the addon, these are found wherever they are. */
export const CUDA_LIBRARIES = [
  'cublas/lib/libcublas.so.12',
  'cublas/lib/libcublasLt.so.12',
  'cuda_cupti/lib/libcupti.so.12',
  'cuda_nvrtc/lib/libnvrtc.so.12',
  'cuda_runtime/lib/libcudart.so.12',
  'cudnn/lib/libcudnn.so.9',
  'cufft/lib/libcufft.so.11',
  'curand/lib/libcurand.so.10',
  'cusolver/lib/libcusolver.so.11',
  'cusparse/lib/libcusparse.so.12',
  'nccl/lib/libnccl.so.2',
  'nvjitlink/lib/libnvJitLink.so.12',
] as const;

const CPU_WHEELS: Readonly<Record<string, Pick<TensorflowPackage, 'tensorflow'>>> = {
  x64: {
    tensorflow: {
      file: 'tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl',
      sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
      bytes: 273_829_956,
    },
  },
  arm64: {
    tensorflow: {
      file: 'tensorflow-2.21.0-cp311-cp311-manylinux_2_27_aarch64.whl',
      sha256: '4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c',
      bytes: 281_828_020,
    },
  },
};

/** x86_64 alone, as `tensorflow[and-cuda]` resolves. */
const GPU_PACKAGE: TensorflowPackage = {
  engine: 'gpu',
  tensorflow: {
    file: 'tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl',
    sha256: '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124',
    bytes: 572_440_367,
  },
  cuda: [
    {
      file: 'nvidia_cublas_cu12-12.9.3.13-py3-none-manylinux_2_27_x86_64.whl',
      sha256: 'd7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72',
      bytes: 581_217_458,
    },
    {
      file: 'nvidia_cuda_cupti_cu12-12.9.79-py3-none-manylinux_2_25_x86_64.whl',
      sha256: '096bcf334f13e1984ba36685ad4c1d6347db214de03dbb6eebb237b41d9d934f',
      bytes: 10_814_997,
    },
    {
      file: 'nvidia_cuda_nvcc_cu12-12.9.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
      sha256: '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0',
      bytes: 40_546_229,
    },
    {
      file: 'nvidia_cuda_nvrtc_cu12-12.9.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
      sha256: '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4',
      bytes: 89_568_129,
    },
    {
      file: 'nvidia_cuda_runtime_cu12-12.9.79-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
      sha256: '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3',
      bytes: 3_493_179,
    },
    {
      file: 'nvidia_cudnn_cu12-9.28.0.42-py3-none-manylinux_2_27_x86_64.whl',
      sha256: '9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375',
      bytes: 716_538_495,
    },
    {
      file: 'nvidia_cufft_cu12-11.4.1.4-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
      sha256: 'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28',
      bytes: 200_877_592,
    },
    {
      file: 'nvidia_curand_cu12-10.3.10.19-py3-none-manylinux_2_27_x86_64.whl',
      sha256: '49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e',
      bytes: 68_295_626,
    },
    {
      file: 'nvidia_cusolver_cu12-11.7.5.82-py3-none-manylinux_2_27_x86_64.whl',
      sha256: '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88',
      bytes: 338_117_415,
    },
    {
      file: 'nvidia_cusparse_cu12-12.5.10.65-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
      sha256: '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78',
      bytes: 366_465_088,
    },
    {
      file: 'nvidia_nccl_cu12-2.32.3-py3-none-manylinux_2_27_x86_64.whl',
      sha256: 'bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c',
      bytes: 351_526_311,
    },
    {
      file: 'nvidia_nvjitlink_cu12-12.9.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
      sha256: 'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9',
      bytes: 39_748_338,
    },
  ],
};

/** @throws ModalmixError `dependency` on machines for which there is no libtensorflow */
export function tensorflowPackage(engine: 'cpu' | 'gpu'): TensorflowPackage {
  const cpu = process.platform === 'linux' ? CPU_WHEELS[process.arch] : undefined;
  if (engine === 'gpu' && process.platform === 'linux' && process.arch === 'x64') return GPU_PACKAGE;
  if (engine === 'cpu' && cpu !== undefined) return { engine, ...cpu, cuda: [] };
  throw new ModalmixError(
    'dependency',
    `there is no libtensorflow ${TENSORFLOW_VERSION} (${engine}) for ${process.platform} on ${process.arch}`,
    {
      fix: 'Use Linux on x86_64 (CPU or NVIDIA GPU) or on arm64 (CPU): a machine, a container or a virtual machine.',
    },
  );
}

/** For all processors, with CUDA's. */
export function pinnedTensorflowWheels(): readonly Wheel[] {
  const ofProcessors = Object.values(CPU_WHEELS).map(({ tensorflow }) => tensorflow);
  return [...ofProcessors, GPU_PACKAGE.tensorflow, ...GPU_PACKAGE.cuda];
}
