/** A GPU for WebGPU; only where that engine is asked for. */
import { packageVersion } from '../../package-version.ts';
import { probeWebgpu } from '../probes/probe-webgpu.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { aptInstall, canAptInstall } from '../programs.ts';
import type { Finding, SetupContext, SetupStep } from '../step.ts';

/** Vulkan for AMD's and Intel's GPUs. NVIDIA's driver brings its own. */
const PACKAGES = ['mesa-vulkan-drivers', 'libvulkan1'];

export const webgpuStep: SetupStep = {
  name: 'WebGPU',
  purpose: 'training on GPUs without CUDA',
  check,
  perform: async (context: SetupContext) => {
    if (canAptInstall()) await aptInstall(PACKAGES, context);
    const finding = await check();
    if (finding.inPlace) return;
    throw new ModalmixError('dependency', finding.problem, { where: 'WebGPU', fix: finding.fix });
  },
};

async function check(): Promise<Finding> {
  const finding = await probeWebgpu();
  if ('problem' in finding) return { inPlace: false, ...finding };
  return { inPlace: true, version: `Dawn ${packageVersion('webgpu')}`, origin: finding.name };
}
