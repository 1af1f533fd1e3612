/** Our own addons, compiled for this machine: without them the work goes on, slower or less checked, with a warning. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { SOUND_KERNELS_PATH } from '../../../pipelines/extraction/native.ts';
import { SHARD_KERNELS_PATH } from '../../../pipelines/shards/native/kernels.ts';
import { processorFeatures } from '../../../pipelines/process/processor-features.ts';
import { LENT_MESSAGES_PATH } from '../../../pipelines/streaming/kafka/lent-messages.ts';
import { TOPIC_IDS_PATH } from '../../../pipelines/streaming/kafka/topic-id.ts';
import { TOPIC_SETTINGS_PATH } from '../../../pipelines/streaming/kafka/topic-settings.ts';
import { TENSOR_MEMORY_PATH } from '../../../pipelines/engine/memory/tensor-memory.ts';
import { PICTURE_KERNELS_PATH } from '../../../pipelines/training/data/pictures/native.ts';
import { readStateFile, writeStateFile } from '../../state-file.ts';
import { isByZig } from '../kafka-client/compile-client.ts';
import { findNodeHeaders } from '../node-headers.ts';
import { compile as compileWith, requireCompiler } from '../compiler.ts';
import type { Finding, SetupContext, SetupStep } from '../step.ts';

interface Addon {
  readonly name: string;
  readonly purpose: string;
  /** The one that is compiled, then the headers it includes. */
  readonly sources: readonly [URL, ...URL[]];
  readonly library: string;
  /** What it depends on besides its source: another one, and it is compiled again. */
  readonly inputs: () => readonly string[];
  readonly compilerArguments: (context: SetupContext) => Promise<readonly string[]>;
}

const stampSchema = z.object({ input: z.string(), librarySha256: z.string() });

/** Sums and early writing for shards. */
export const shardKernelsStep = kernelsStep({
  name: 'shard kernels',
  purpose: 'fast writing of shards',
  source: '../../../pipelines/shards/native/shard_kernels.cc',
  library: SHARD_KERNELS_PATH,
});

/** Crops, flips and normalises what training reads. */
export const pictureKernelsStep = kernelsStep({
  name: 'picture kernels',
  purpose: 'fast crops and flips',
  source: '../../../pipelines/training/data/pictures/native/picture_kernels.cc',
  library: PICTURE_KERNELS_PATH,
});

/** Makes spectrograms. */
export const soundKernelsStep = kernelsStep({
  name: 'sound kernels',
  purpose: 'fast spectrograms',
  source: '../../../pipelines/extraction/native/sound_kernels.cc',
  library: SOUND_KERNELS_PATH,
});

/** Keeps a training's memory small. No addon: the training's process is started with it. */
const tensorMemoryStep = addonStep({
  name: 'tensor memory',
  purpose: 'training in less memory',
  sources: ['tensor-memory.cc', 'tensor-memory.h'].map(
    (name) => new URL(`../../../pipelines/engine/memory/${name}`, import.meta.url),
  ) as [URL, URL],
  library: TENSOR_MEMORY_PATH,
  inputs: () => [],
  // Statics without locks: looking up the C library's `free` may free something.
  compilerArguments: () =>
    Promise.resolve([
      '-std=c++17',
      '-pthread',
      '-fno-exceptions',
      '-fno-rtti',
      '-fno-threadsafe-statics',
      '-ldl',
    ]),
});

/** Elsewhere the large blocks are TensorFlow's own. */
export const TENSOR_MEMORY_STEPS: readonly SetupStep[] =
  process.platform === 'linux' ? [tensorMemoryStep] : [];

/** Reads records in the Kafka client's own memory. */
const lentMessagesStep = kafkaAddonStep({
  name: 'Kafka records',
  purpose: 'reading features without a copy',
  source: 'lent_messages.cc',
  library: LENT_MESSAGES_PATH,
});

/** Asks through the Kafka client what the client itself cannot ask. */
const topicSettingsStep = kafkaAddonStep({
  name: 'Kafka topics',
  purpose: 'checking limits of topics that exist',
  source: 'topic_settings.cc',
  library: TOPIC_SETTINGS_PATH,
});

const topicIdsStep = kafkaAddonStep({
  name: 'Kafka topic ids',
  purpose: 'noticing topics that were deleted and made again',
  source: 'topic_ids.cc',
  library: TOPIC_IDS_PATH,
});

/** Not elsewhere than on Linux: there records are copied, and topics that exist are used as they are. */
export const KAFKA_ADDON_STEPS: readonly SetupStep[] =
  process.platform === 'linux' ? [lentMessagesStep, topicSettingsStep, topicIdsStep] : [];

/** An addon that needs Node alone, with the instructions that this processor has. */
function kernelsStep(addon: Pick<Addon, 'name' | 'purpose' | 'library'> & { source: string }): SetupStep {
  const { source, ...facts } = addon;
  // The same sums and pixels as JavaScript's on every processor: those of ARM would else multiply and add at once.
  const flags = () => [...processorFlags(), '-ffp-contract=off'];
  return addonStep({
    ...facts,
    sources: [
      new URL(source, import.meta.url),
      new URL('../../../pipelines/process/native/arguments.h', import.meta.url),
    ],
    inputs: flags,
    compilerArguments: () => {
      const headers = join(folderOf('node-api-headers'), 'include');
      // On macOS the functions of Node are found when the library is loaded.
      const foundLater = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
      return Promise.resolve(['-std=c++17', ...flags(), ...foundLater, '-I', headers]);
    },
  });
}

/** An addon that is bound to the Kafka client's version and to one ABI of Node. */
function kafkaAddonStep(addon: Pick<Addon, 'name' | 'purpose' | 'library'> & { source: string }): SetupStep {
  const { source, ...facts } = addon;
  const folder = '../../../pipelines/streaming/kafka/native/';
  return addonStep({
    ...facts,
    sources: [
      new URL(`${folder}${source}`, import.meta.url),
      ...['client.h', 'asking.h'].map((header) => new URL(`${folder}${header}`, import.meta.url)),
    ],
    inputs: () => [
      process.versions.modules,
      readFileSync(join(folderOf('node-rdkafka'), 'package.json'), 'utf8'),
      // Its objects are laid out by the C++ library that it was compiled with.
      ...(isByZig(join(folderOf('node-rdkafka'), 'build')) ? ['zig'] : []),
    ],
    compilerArguments: async (context) => {
      const client = folderOf('node-rdkafka');
      const built = join(client, 'build', 'deps');
      const headers = [
        join(await findNodeHeaders(context), 'include', 'node'),
        folderOf('nan'),
        client,
        join(client, 'deps', 'librdkafka', 'src'),
        join(client, 'deps', 'librdkafka', 'src-cpp'),
      ];
      return [
        ...['-std=c++20', '-Wno-cast-function-type', ...headers.flatMap((path) => ['-I', path])],
        ...[join(built, 'librdkafka.so.1'), `-Wl,-rpath,${built}`],
      ];
    },
  });
}

function addonStep(addon: Addon): SetupStep {
  const { name, purpose } = addon;
  return {
    ...{ name, purpose },
    check: () => Promise.resolve(check(addon)),
    perform: async (context) => {
      await compile(addon, context);
    },
  };
}

function check(addon: Addon): Finding {
  const { library } = addon;
  const absent = (problem: string): Finding => ({ inPlace: false, problem, fix: 'npm run setup' });
  const stamp = readStateFile(stampOf(addon), stampSchema);
  if (stamp === undefined || !existsSync(library)) return absent('not compiled');
  if (stamp.input !== inputHash(addon)) return absent('compiled from another source, or for another machine');
  if (stamp.librarySha256 !== sha256(readFileSync(library)))
    return absent('the library is not the one that was compiled');
  return { inPlace: true, version: stamp.input.slice(0, 12), origin: library };
}

async function compile(addon: Addon, context: SetupContext): Promise<void> {
  const { library, sources } = addon;
  const compiler = await requireCompiler(context);
  const temporary = `${library}.${String(process.pid)}.tmp`;
  mkdirSync(dirname(library), { recursive: true });
  await compileWith(
    compiler,
    [
      ...['-O3', '-fPIC', '-shared', '-Wno-psabi', '-DNAPI_VERSION=8', fileURLToPath(sources[0])],
      ...(await addon.compilerArguments(context)),
      ...['-o', temporary],
    ],
    'Install a current C++ compiler (GCC 10 or newer), then run "npm run setup" again.',
  );
  // Renamed over the old one: a process that has it open keeps what it has.
  await rename(temporary, library);
  writeStateFile(stampOf(addon), {
    input: inputHash(addon),
    librarySha256: sha256(readFileSync(library)),
  });
}

/** The instructions that may be used. */
function processorFlags(): string[] {
  return process.arch === 'x64' && processorFeatures().has('avx2') ? ['-mavx2'] : [];
}

function folderOf(name: string): string {
  return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
}

function stampOf({ library }: Addon): string {
  return `${library}.json`;
}

function inputHash({ sources, inputs }: Addon): string {
  return sha256([...inputs(), ...sources.map((source) => readFileSync(source, 'utf8'))].join('\0'));
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
