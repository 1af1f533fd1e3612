/**
 * libtensorflow from its Python wheel, and tfjs-node's addon compiled against it. The addon uses Node-API
 * alone, so that one build serves every version of Node.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { mkdir, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { describeGpu, nvidiaGpus } from '../../../pipelines/process/nvidia-gpus.ts';
import { ENGINES, type Engine } from '../../../schemas/config/engine.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { readStateFile, writeStateFile } from '../../state-file.ts';
import { compile as compileWith, requireCompiler } from '../compiler.ts';
import { aptCommand } from '../programs.ts';
import { NO_GPU, chooseEngine } from '../choose-engine.ts';
import { probeTensorflow } from '../probes/probe-tensorflow.ts';
import type { Finding, Plan, SetupContext, SetupStep } from '../step.ts';
import {
  CUDA_LIBRARIES,
  TENSORFLOW_FILES,
  TENSORFLOW_VERSION,
  tensorflowPackage,
  type TensorflowPackage,
} from '../tensorflow-package.ts';
import { ensureWheelFolder } from '../wheels/wheel-folder.ts';
import { wheelFolder, wheelTitle, type WheelContents } from '../wheels/wheel.ts';

const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'] as const;
const NODE_API_VERSION = 8;
/** Of a wheel's bytes, unpacked. */
const UNPACKED_SHARE = 4.1;

/** What was built, so that a look tells whether it still is. */
const stampSchema = z.object({
  tensorflow: z.literal(TENSORFLOW_VERSION),
  engine: z.enum(['cpu', 'gpu']),
  library: z.string(),
  addonSha256: z.string(),
  /** What was asked for: a later `auto` keeps to it. */
  asked: z.enum(ENGINES),
  /** Whether the GPU that was asked for may be in another machine. */
  elsewhere: z.boolean().optional(),
  /** Why the CPU was taken although there is a GPU. */
  fallback: z.string().optional(),
});
type Stamp = z.infer<typeof stampSchema>;

export const tensorflowStep: SetupStep = {
  name: 'TensorFlow',
  purpose: 'training and evaluation',
  check: async (context) => check(context),
  fetch: async (context) => {
    await ensureLibrary(tensorflowPackage(await wantedEngine(context)), context);
  },
  perform,
};

/** The engine that set-up built for, and why not the GPU; undefined before it was built. */
export function builtEngine(): Pick<Stamp, 'engine' | 'fallback'> | undefined {
  return readStateFile(places().stamp, stampSchema);
}

async function check(context: SetupContext): Promise<Finding> {
  const { stamp: stampFile, addon, libraries } = places();
  const stamp = readStateFile(stampFile, stampSchema);
  const plan = await planOf(context);
  const absent = (problem: string): Finding => ({
    ...{ inPlace: false, problem, fix: 'npm run setup' },
    ...(plan === undefined ? {} : { plan }),
  });
  if (stamp === undefined)
    return absent(`tfjs-node's addon for libtensorflow ${TENSORFLOW_VERSION} is not built`);
  if (!existsSync(addon) || sha256(addon) !== stamp.addonSha256)
    return absent("tfjs-node's addon is not the one that was built");
  for (const name of LIBRARIES) {
    if (!existsSync(join(libraries, name))) return absent(`${name} is gone`);
  }
  const { asked, elsewhere } = askedFor(context);
  const gpus = await nvidiaGpus();
  let wanted: 'cpu' | 'gpu';
  try {
    wanted = chooseEngine(asked, { gpus: gpus.length, elsewhere });
  } catch (error) {
    return absent(error instanceof Error ? error.message : String(error));
  }
  const fellBack = stamp.fallback !== undefined && asked === 'auto' && gpus.length > 0;
  if (wanted !== stamp.engine && !fellBack)
    return absent(`it is built for the ${stamp.engine}, not for the ${wanted}`);
  return {
    inPlace: true,
    version: stamp.tensorflow,
    origin: stamp.library,
    detail: [stamp.engine, ...remarkOn(stamp, asked, gpus.length)].join(': '),
  };
}

async function perform(context: SetupContext): Promise<void> {
  const { asked, elsewhere } = askedFor(context);
  const gpus = await nvidiaGpus();
  if (chooseEngine(asked, { gpus: gpus.length, elsewhere }) === 'cpu') {
    if (asked === 'auto') context.say(`NOTE: ${NO_GPU}; TensorFlow will use the CPU`);
    await build(tensorflowPackage('cpu'), undefined, context);
    return;
  }
  for (const gpu of gpus) context.say(`for ${describeGpu(gpu)}`);
  try {
    await build(tensorflowPackage('gpu'), undefined, context);
  } catch (error) {
    if (asked === 'gpu') throw error;
    const why = `the GPU cannot be used: ${error instanceof Error ? error.message : String(error)}`;
    context.say(`WARNING: ${why}`);
    context.say('WARNING: TensorFlow will use the CPU; "npm run setup -- --engine=gpu" tries again');
    await build(tensorflowPackage('cpu'), why, context);
  }
}

/** For which engine it will be built; a GPU that was asked for in vain is told by `perform`. */
async function wantedEngine(context: SetupContext): Promise<'cpu' | 'gpu'> {
  const { asked, elsewhere } = askedFor(context);
  try {
    return chooseEngine(asked, { gpus: (await nvidiaGpus()).length, elsewhere });
  } catch {
    return 'cpu';
  }
}

/** Undefined where its libraries are in the cache already. */
async function planOf(context: SetupContext): Promise<Plan | undefined> {
  const wheels = tensorflowPackage(await wantedEngine(context));
  if (existsSync(wheelFolder(contentsOf(wheels), libraryName(wheels)))) return undefined;
  const all = [wheels.tensorflow, ...wheels.cuda];
  const downloadBytes = all.reduce((sum, { bytes }) => sum + bytes, 0);
  const others = wheels.cuda.length === 0 ? '' : ` and ${String(wheels.cuda.length)} of CUDA`;
  return {
    from: `wheel ${wheelTitle(wheels.tensorflow)}${others}`,
    downloadBytes,
    diskBytes: UNPACKED_SHARE * downloadBytes,
  };
}

/** What was asked for now, or else when it was built. */
function askedFor({ engine, gpuElsewhere = false }: SetupContext): { asked: Engine; elsewhere: boolean } {
  if (engine !== 'auto') return { asked: engine, elsewhere: gpuElsewhere };
  const stamp = readStateFile(places().stamp, stampSchema);
  return { asked: stamp?.asked ?? 'auto', elsewhere: gpuElsewhere || stamp?.elsewhere === true };
}

/** Why it is not the GPU of this machine that is used; nothing when it is, or when nobody asked. */
function remarkOn(stamp: Stamp, asked: Engine, gpus: number): string[] {
  if (stamp.fallback !== undefined) return [stamp.fallback];
  if (stamp.engine === 'gpu') return gpus === 0 ? [NO_GPU] : [];
  return asked === 'auto' ? [NO_GPU] : [];
}

async function build(
  wheels: TensorflowPackage,
  fallback: string | undefined,
  context: SetupContext,
): Promise<void> {
  const { asked, elsewhere } = askedFor(context);
  const library = await ensureLibrary(wheels, context);
  await link(library);
  await compile(wheels, library, context);
  const facts = await probeTensorflow();
  // Without a GPU the CUDA build comes up on the CPU, which shows that it is linked with all that it needs.
  const expected = elsewhere && (await nvidiaGpus()).length === 0 ? 'cpu' : wheels.engine;
  if (facts.tensorflow !== TENSORFLOW_VERSION || facts.engine !== expected) {
    throw new ModalmixError(
      'dependency',
      `TensorFlow ${facts.tensorflow} came up on the ${facts.engine}, expected ${TENSORFLOW_VERSION} on the ${expected}`,
      { where: places().addon, fix: 'Check the driver with "nvidia-smi", then run "npm run setup" again.' },
    );
  }
  const stamp: Stamp = {
    tensorflow: TENSORFLOW_VERSION,
    engine: wheels.engine,
    library,
    asked,
    ...(elsewhere ? { elsewhere } : {}),
    addonSha256: sha256(places().addon),
    ...(fallback === undefined ? {} : { fallback }),
  };
  writeStateFile(places().stamp, stamp);
}

/** @returns the folder with `tensorflow/` (and `nvidia/`) in it; complete, or it would not have its name */
async function ensureLibrary(wheels: TensorflowPackage, context: SetupContext): Promise<string> {
  return await ensureWheelFolder(contentsOf(wheels), context, libraryName(wheels));
}

function contentsOf(wheels: TensorflowPackage): [WheelContents, ...WheelContents[]] {
  return [
    { wheel: wheels.tensorflow, prefixes: TENSORFLOW_FILES },
    ...wheels.cuda.map((wheel) => ({ wheel, prefixes: ['nvidia/'] })),
  ];
}

function libraryName({ engine }: TensorflowPackage): string {
  return `libtensorflow-${TENSORFLOW_VERSION}-${engine}`;
}

/** The names that the addon is linked with. */
async function link(library: string): Promise<void> {
  const { deps, libraries } = places();
  await rm(deps, { recursive: true, force: true });
  await mkdir(libraries, { recursive: true });
  const tensorflow = join(library, 'tensorflow');
  await symlink(join(tensorflow, 'include'), join(deps, 'include'));
  for (const name of LIBRARIES) await symlink(join(tensorflow, name), join(libraries, name));
  await symlink('libtensorflow_cc.so.2', join(libraries, 'libtensorflow.so'));
  await symlink('libtensorflow_framework.so.2', join(libraries, 'libtensorflow_framework.so'));
}

/** As the package's binding.gyp does, without a build system and without Node's own headers. */
async function compile(wheels: TensorflowPackage, library: string, context: SetupContext): Promise<void> {
  const { root, deps, libraries, addon } = places();
  const compiler = await requireCompiler(context);
  const headers = join(
    dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json')),
    'include',
  );
  const sources = readdirSync(join(root, 'binding'))
    .filter((name) => name.endsWith('.cc'))
    .map((name) => join(root, 'binding', name));
  const cuda = wheels.engine === 'gpu' ? CUDA_LIBRARIES.map((name) => join(library, 'nvidia', name)) : [];
  await mkdir(dirname(addon), { recursive: true });
  const temporary = `${addon}.${String(process.pid)}.tmp`;
  context.say('compiling the addon');
  await compileWith(
    compiler,
    [
      ...['-std=c++17', '-O2', '-fPIC', '-shared', `-DNAPI_VERSION=${String(NODE_API_VERSION)}`],
      ...['-I', headers, '-I', root, '-I', join(deps, 'include'), ...sources],
      ...['-L', libraries, '-ltensorflow', '-ltensorflow_framework', '-Wl,-rpath,$ORIGIN/../../deps/lib'],
      // An RPATH, not a RUNPATH, holds for the libraries that these libraries need in their turn.
      ...(cuda.length === 0 ? [] : ['-Wl,--disable-new-dtags', '-Wl,--no-as-needed', ...cuda]),
      ...cuda.map((file) => `-Wl,-rpath,${dirname(file)}`),
      ...['-o', temporary],
    ],
    `Install a C++ compiler (Debian, Ubuntu: ${aptCommand(['g++'])}), then run "npm run setup" again.`,
  );
  // Renamed over the old one: a process that has it open keeps what it has.
  await rename(temporary, addon);
}

function places() {
  const root = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node/package.json'));
  return {
    root,
    deps: join(root, 'deps'),
    libraries: join(root, 'deps', 'lib'),
    /** Where tfjs-node looks for it. */
    addon: join(root, 'lib', `napi-v${String(NODE_API_VERSION)}`, 'tfjs_binding.node'),
    stamp: join(root, 'modalmix.json'),
  };
}

function sha256(path: string): string {
  return statSync(path).isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
}
