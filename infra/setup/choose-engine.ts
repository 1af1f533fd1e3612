/** Which libtensorflow a machine gets: CUDA's, or the one for the CPU. Pure. */
import type { Engine } from '../../schemas/config/engine.ts';
import { ModalmixError } from '../../schemas/errors.ts';

export const NO_GPU = 'this machine shows no NVIDIA GPU';

/**
 * @param gpus how many NVIDIA GPUs there are
 * @param elsewhere whether the GPU that is asked for may be in another machine
 * @throws ModalmixError `dependency` when a GPU is asked for and there is none
 */
export function chooseEngine(
  asked: Engine,
  { gpus, elsewhere }: { readonly gpus: number; readonly elsewhere: boolean },
): 'cpu' | 'gpu' {
  if (asked === 'auto') return gpus > 0 ? 'gpu' : 'cpu';
  // Beside WebGPU it only judges.
  if (asked === 'cpu' || asked === 'webgpu') return 'cpu';
  if (gpus > 0 || elsewhere) return asked;
  throw new ModalmixError('dependency', `a GPU is asked for, but ${NO_GPU}`, {
    where: 'TensorFlow',
    fix:
      'Install NVIDIA\'s driver until "nvidia-smi" shows the GPU (a container: start it with GPUs), or use the CPU: ' +
      '"npm run setup -- --engine=cpu". An image for other machines: "--engine=gpu --gpu-elsewhere".',
  });
}
