/**
 * WebGPU outside a browser: Dawn, Chromium's implementation, by its Node binding (npm's `webgpu`). Loaded only where it is
 * asked for. Only what is used of its interface is described here.
 */
import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { ModalmixError } from '../../../schemas/errors.ts';
import { ENVIRONMENT } from '../../../schemas/names.ts';

export interface GpuBuffer {
  readonly size: number;
  readonly mapState: 'unmapped' | 'pending' | 'mapped';
  mapAsync(mode: number): Promise<void>;
  getMappedRange(): ArrayBuffer;
  unmap(): void;
}

export interface GpuDevice {
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
  addEventListener(
    type: 'uncapturederror',
    listener: (event: { readonly error: { readonly message: string } }) => void,
  ): void;
}

export interface GpuAdapter {
  readonly info: {
    readonly vendor: string;
    readonly architecture: string;
    readonly device: string;
    readonly description: string;
    readonly isFallbackAdapter?: boolean;
  };
  readonly limits: Readonly<Record<string, number>>;
  requestDevice(descriptor: { requiredLimits: Record<string, number> }): Promise<GpuDevice>;
}

interface Gpu {
  requestAdapter(options: { powerPreference: 'high-performance' }): Promise<GpuAdapter | null>;
}

/** Numbers of WebGPU's flags, by name. */
interface Globals {
  readonly GPUBufferUsage: { readonly COPY_DST: number; readonly MAP_READ: number };
  readonly GPUMapMode: { readonly READ: number };
}

interface Dawn {
  readonly create: (options: string[]) => Gpu;
  readonly globals: Globals;
}

export interface OpenedAdapter {
  readonly gpu: Gpu;
  readonly adapter: GpuAdapter;
  readonly globals: Globals;
}

/**
 * The fastest GPU that Dawn finds, or the one named in `MODALMIX_WEBGPU_ADAPTER`.
 *
 * @throws ModalmixError `dependency` when Dawn cannot be loaded, or finds none
 */
export async function openAdapter(): Promise<OpenedAdapter> {
  const { create, globals } = await loadDawn();
  const named = process.env[ENVIRONMENT.webgpuAdapter] ?? '';
  let why = '';
  try {
    const gpu = create(named === '' ? [] : [`adapter=${named}`]);
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (adapter !== null) return { gpu, adapter, globals };
  } catch (error) {
    why = `: ${error instanceof Error ? error.message : String(error)}`;
  }
  const wanted = named === '' ? 'no WebGPU adapter was found' : `no WebGPU adapter is called "${named}"`;
  throw new ModalmixError('dependency', `${wanted}${why}; ${await lookedFor()}`, {
    where: `Dawn (the package "webgpu") on ${process.platform} ${process.arch}`,
    fix:
      'Install the GPU\'s Vulkan driver until "vulkaninfo --summary" shows the GPU (AMD, Intel on Debian and Ubuntu: ' +
      'mesa-vulkan-drivers; a container: start it with /dev/dri), then ask "modalmix doctor"; or leave ' +
      `training.engine and ${ENVIRONMENT.engine} out.`,
  });
}

async function loadDawn(): Promise<Dawn> {
  const name: string = 'webgpu';
  try {
    return (await import(name)) as Dawn;
  } catch (error) {
    throw new ModalmixError('dependency', 'the package "webgpu" cannot be loaded', {
      where: `${process.platform} ${process.arch}`,
      fix: 'Run "npm ci" without --omit=optional; it is made for Linux, macOS and Windows on x64 and arm64.',
      cause: error,
    });
  }
}

const VULKAN_DRIVER_FOLDERS = [
  '/usr/share/vulkan/icd.d',
  '/etc/vulkan/icd.d',
  '/usr/local/share/vulkan/icd.d',
];

/** In words, the drivers that could have given an adapter. */
async function lookedFor(): Promise<string> {
  if (process.platform !== 'linux') return "the system's graphics driver was asked";
  const named = process.env['VK_DRIVER_FILES'] ?? process.env['VK_ICD_FILENAMES'];
  const drivers =
    named === undefined
      ? (
          await Promise.all(VULKAN_DRIVER_FOLDERS.map(async (folder) => readdir(folder).catch(() => [])))
        ).flat()
      : named.split(':').map((path) => basename(path));
  return drivers.length === 0
    ? `there is no Vulkan driver in ${VULKAN_DRIVER_FOLDERS.join(', ')}`
    : `Vulkan drivers: ${drivers.join(', ')}`;
}

export interface AdapterFacts {
  /** For people: name, maker, driver, and that it is software where it is. */
  readonly name: string;
  /** It computes on the processor: good for tests, slower than the CPU engine. */
  readonly isSoftware: boolean;
}

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|basic render/iu;

export function factsOf({ info }: GpuAdapter): AdapterFacts {
  const { vendor, architecture, device, description } = info;
  const isSoftware =
    info.isFallbackAdapter === true || SOFTWARE.test(`${device} ${description} ${architecture}`);
  const details = [...new Set([vendor, architecture, description])].filter(
    (part) => part !== '' && part !== device,
  );
  const name = device === '' ? (details.shift() ?? 'unnamed GPU') : device;
  const remarks = [...details, ...(isSoftware ? ['software, not a GPU'] : [])];
  return { name: remarks.length === 0 ? name : `${name} (${remarks.join(', ')})`, isSoftware };
}
