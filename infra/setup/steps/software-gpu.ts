/**
 * A GPU made of software, by which the tests see WebGPU at work on any machine: SwiftShader, which Chromium brings, or
 * Mesa's lavapipe where that is new enough for Dawn.
 */
import { existsSync } from 'node:fs';
import { aptCommand, aptInstall, aptPlan } from '../programs.ts';
import type { Finding, SetupContext, SetupStep } from '../step.ts';

/** How Vulkan finds a driver: the first that is there. */
const MANIFESTS = [
  '/usr/lib/chromium/vk_swiftshader_icd.json',
  '/usr/lib64/chromium-browser/vk_swiftshader_icd.json',
  '/opt/google/chrome/vk_swiftshader_icd.json',
  ...[process.arch === 'arm64' ? 'aarch64' : 'x86_64', ''].flatMap((arch) =>
    ['/usr/share', '/usr/local/share'].map(
      (share) => `${share}/vulkan/icd.d/lvp_icd${arch === '' ? '' : `.${arch}`}.json`,
    ),
  ),
];
const PACKAGES = ['chromium', 'libvulkan1'];

/** Path of the software's Vulkan manifest, for `VK_DRIVER_FILES`; undefined where there is none. */
export function softwareGpu(): string | undefined {
  return MANIFESTS.find((path) => existsSync(path));
}

export const softwareGpuStep: SetupStep = {
  name: 'software GPU',
  purpose: 'tests of WebGPU',
  check,
  perform: async (context: SetupContext) => {
    await aptInstall(PACKAGES, context);
  },
};

async function check(): Promise<Finding> {
  const origin = softwareGpu();
  if (origin !== undefined) return { inPlace: true, version: 'Vulkan on the processor', origin };
  return {
    inPlace: false,
    problem: `none of ${MANIFESTS.join(', ')} is there`,
    fix: `${aptCommand(PACKAGES)}; elsewhere a lavapipe of Mesa 23 or newer`,
    plan: aptPlan(PACKAGES),
  };
}
