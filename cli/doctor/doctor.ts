/** `modalmix doctor`: every part, its version, where it came from, and what mends a missing one. */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { PROJECT_FOLDER, cacheFolder, modalmixHome } from '../../infra/folders.ts';
import { packageVersion } from '../../infra/package-version.ts';
import { probeTensorflow } from '../../infra/setup/probes/probe-tensorflow.ts';
import { probeWebgpu } from '../../infra/setup/probes/probe-webgpu.ts';
import type { Finding, SetupContext, SetupStep } from '../../infra/setup/step.ts';
import { chromiumStep, chromiumVersion } from '../../infra/setup/steps/chromium.ts';
import { espeakStep } from '../../infra/setup/steps/espeak.ts';
import { ffmpegStep } from '../../infra/setup/steps/ffmpeg.ts';
import { fontsStep } from '../../infra/setup/steps/fonts.ts';
import { kafkaClientStep } from '../../infra/setup/steps/kafka-client.ts';
import { kafkaStep } from '../../infra/setup/steps/kafka.ts';
import { opensslStep } from '../../infra/setup/steps/openssl.ts';
import { temporalCliStep } from '../../infra/setup/steps/temporal-cli.ts';
import { builtEngine, tensorflowStep } from '../../infra/setup/steps/tensorflow.ts';
import { testPythonStep } from '../../infra/setup/steps/test-python.ts';
import { trainingKernelsStep } from '../../infra/setup/steps/training-kernels.ts';
import { usableCores } from '../../pipelines/process/machine/machine.ts';
import { describeGpu, nvidiaGpus } from '../../pipelines/process/nvidia-gpus.ts';
import { engineOfEnvironment } from '../../schemas/config/asked-engine.ts';
import { EXIT_CODES, describeError } from '../../schemas/errors.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import type { Part, PartState } from './part.ts';
import { machinePart, slotsPart } from './doctor-machine.ts';
import { kafkaBrokerPart, temporalServerPart } from './doctor-servers.ts';
import { printable, printableJson } from '../../schemas/printable.ts';

export interface Diagnosis {
  /** Whether the main job can run. */
  readonly ready: boolean;
  readonly engine: 'cpu' | 'gpu' | 'none';
  /** Names of the GPUs (with memory and driver) or the number of cores TensorFlow computes on. */
  readonly device: string;
  readonly parts: readonly Part[];
}

const GIB = 1024 ** 3;
const NEEDED_DISK_BYTES = 2 * GIB;
const MARKS: Readonly<Record<PartState, string>> = { ok: '✓', missing: '✗', optional: '–' };

/**
 * Prints the diagnosis.
 * @returns the exit code: 1 when the main job cannot run
 */
export async function doctor(options: { readonly json: boolean }): Promise<number> {
  const diagnosis = await diagnose();
  process.stdout.write(
    options.json
      ? `${printableJson(JSON.stringify(diagnosis, undefined, 2))}\n`
      : printable(describe(diagnosis)),
  );
  return diagnosis.ready ? EXIT_CODES.ok : EXIT_CODES.failed;
}

export async function diagnose(): Promise<Diagnosis> {
  const engine = builtEngine()?.engine ?? 'auto';
  const context: SetupContext = { engine, gpuElsewhere: true, say: () => undefined };
  const [tensorflow, webgpu, ...others] = await Promise.all([
    tensorflowPart(context),
    webgpuPart(),
    stepPart(trainingKernelsStep, context, 'optional'),
    stepPart(ffmpegStep, context, 'optional'),
    extractionPart(),
    confinementPart(),
    stepPart(fontsStep, context, 'optional'),
    stepPart(espeakStep, context, 'optional'),
    stepPart(temporalCliStep, context, 'missing'),
    temporalServerPart(),
    stepPart(kafkaClientStep, context, 'optional'),
    stepPart(kafkaStep, context, 'optional'),
    kafkaBrokerPart(),
    stepPart(opensslStep, context, 'optional'),
    ...(existsSync(join(PROJECT_FOLDER, 'test')) ? [stepPart(testPythonStep, context, 'optional')] : []),
    chromiumPart(context),
    diskPart(),
  ]);
  const parts = [
    { name: 'Node', state: 'ok', says: process.versions.node, origin: process.execPath } as const,
    packagesPart(),
    tensorflow.part,
    await gpuPart(tensorflow.engine),
    webgpu,
    ...others,
    machinePart(),
    await slotsPart(),
  ];
  return {
    ready: parts.every(({ state }) => state !== 'missing'),
    engine: tensorflow.engine,
    device: tensorflow.device,
    parts,
  };
}

async function stepPart(step: SetupStep, context: SetupContext, ifAbsent: PartState): Promise<Part> {
  return partOf(step.name, await findingOf(step, context), ifAbsent);
}

async function findingOf(step: SetupStep, context: SetupContext): Promise<Finding> {
  try {
    return await step.check(context);
  } catch (error) {
    return { inPlace: false, problem: describeError(error), fix: 'npm run setup' };
  }
}

function partOf(name: string, finding: Finding, ifAbsent: PartState): Part {
  if (!finding.inPlace) return { name, state: ifAbsent, says: finding.problem, fix: finding.fix };
  const detail = finding.detail === undefined ? '' : ` (${finding.detail})`;
  return { name, state: 'ok', says: `${finding.version}${detail}`, origin: finding.origin };
}

function packagesPart(): Part {
  const origin = join(PROJECT_FOLDER, 'node_modules');
  const versionOf = (name: string) => `${name.split('/').at(-1) ?? name} ${packageVersion(name)}`;
  const says = ['@temporalio/client', '@tensorflow/tfjs-node', 'apache-arrow'].map(versionOf).join(', ');
  return { name: 'npm packages', state: 'ok', says, origin };
}

/** Loads it for real, in a process of its own: a look at the files would not show a missing library. */
async function tensorflowPart(
  context: SetupContext,
): Promise<{ part: Part; engine: Diagnosis['engine']; device: string }> {
  const finding = await findingOf(tensorflowStep, context);
  const part = partOf(tensorflowStep.name, finding, 'missing');
  if (!finding.inPlace) return { part, engine: 'none', device: 'none' };
  try {
    const { tensorflow, tfjs, engine } = await probeTensorflow();
    const cores = `${usableCores()} cores`;
    const device = engine === 'gpu' ? (await nvidiaGpus()).map(describeGpu).join('; ') : cores;
    const fallback = builtEngine()?.fallback;
    const why = fallback === undefined ? '' : `; ${fallback}`;
    const says = `${tensorflow} on ${engine.toUpperCase()}: ${device}${why} (tfjs-node ${tfjs})`;
    return { part: { ...part, says }, engine, device };
  } catch (error) {
    const broken: Part = {
      name: part.name,
      state: 'missing',
      says: describeError(error),
      fix: 'npm run setup',
    };
    return { part: broken, engine: 'none', device: 'none' };
  }
}

/** Starts it for real: a library that is there may not load. */
async function extractionPart(): Promise<Part> {
  const name = 'extraction engine';
  const origin = process.env[ENVIRONMENT.extractor] === undefined ? {} : { origin: ENVIRONMENT.extractor };
  const { createExtractor } = await import('../../pipelines/extraction/create-extractor.ts');
  let warning: string | undefined;
  try {
    const { version } = await createExtractor((text) => {
      warning = text;
    });
    if (warning === undefined) return { name, state: 'ok', says: version, ...origin };
    return { name, state: 'optional', says: `${version}; ${warning}`, fix: 'npm ci', ...origin };
  } catch (error) {
    const fix = `Unset ${ENVIRONMENT.extractor}, or mend what is named here.`;
    return { name, state: 'missing', says: describeError(error), fix, ...origin };
  }
}

/** Whether what decodes clips is kept from the network. */
async function confinementPart(): Promise<Part> {
  const name = 'decoders';
  const { confinement } = await import('../../pipelines/process/confine.ts');
  const { openNetwork, noLimits } = confinement();
  const limits =
    noLimits === undefined ? 'files of at most 2 GiB, 256 at a time' : `no limits on files (${noLimits})`;
  if (openNetwork === undefined) return { name, state: 'ok', says: `no network; ${limits}` };
  return {
    ...{ name, state: 'optional', says: `they could reach the network: ${openNetwork}; ${limits}` },
    fix: 'Clips of strangers: let users make namespaces (sysctl user.max_user_namespaces), or run in a container without a network.',
  };
}

/** What there is, what is asked for, and what TensorFlow came up on. */
async function gpuPart(engine: Diagnosis['engine']): Promise<Part> {
  const name = 'GPU';
  try {
    const asked = engineOfEnvironment(process.env);
    const gpus = await nvidiaGpus();
    const says = gpus.length === 0 ? 'no NVIDIA GPU' : gpus.map(describeGpu).join('\n');
    if (engine === 'gpu' || asked === 'cpu' || asked === 'webgpu' || (asked === 'auto' && gpus.length === 0))
      return { name, state: 'ok', says };
    if (asked === 'gpu') {
      const fix =
        gpus.length === 0
          ? `Install NVIDIA's driver until "nvidia-smi" shows the GPU, or unset ${ENVIRONMENT.engine}.`
          : 'npm run setup -- --engine=gpu';
      return { name, state: 'missing', says: `${says}, and ${ENVIRONMENT.engine}=gpu asks for it`, fix };
    }
    const unused: Part = { name, state: 'optional', says: `${says}\nTensorFlow does not use it` };
    return { ...unused, fix: 'npm run setup -- --engine=gpu' };
  } catch (error) {
    const fix = `Correct ${ENVIRONMENT.engine}.`;
    return { name, state: 'missing', says: describeError(error), fix };
  }
}

/** The GPU that `training.engine: webgpu` would take. */
async function webgpuPart(): Promise<Part> {
  const name = 'WebGPU';
  const finding = await probeWebgpu();
  if ('name' in finding)
    return {
      name,
      state: 'ok',
      says: finding.name,
      origin: `Dawn, npm's webgpu ${packageVersion('webgpu')}`,
    };
  const isAsked = process.env[ENVIRONMENT.engine] === 'webgpu';
  return { name, state: isAsked ? 'missing' : 'optional', says: finding.problem, fix: finding.fix };
}

async function chromiumPart(context: SetupContext): Promise<Part> {
  const finding = await findingOf(chromiumStep, context);
  if (!finding.inPlace) return partOf(chromiumStep.name, finding, 'optional');
  const version = await chromiumVersion(finding.origin);
  return partOf(chromiumStep.name, { ...finding, version }, 'optional');
}

async function diskPart(): Promise<Part> {
  const folder = existingFolder(modalmixHome());
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const says = `${(free / GIB).toFixed(1)} GiB free`;
  if (free >= NEEDED_DISK_BYTES) return { name: 'disk', state: 'ok', says, origin: folder };
  const fix = `Free some space: a run needs about ${NEEDED_DISK_BYTES / GIB} GiB there. Set-up's cache is ${cacheFolder()}.`;
  return { name: 'disk', state: 'missing', says, origin: folder, fix };
}

/** A home that is not made yet will be made in the nearest folder that is there. */
function existingFolder(path: string): string {
  return existsSync(path) || dirname(path) === path ? resolve(path) : existingFolder(dirname(path));
}

function describe({ ready, parts }: Diagnosis): string {
  const width = Math.max(...parts.map(({ name }) => name.length));
  const indent = ' '.repeat(width + 4);
  const lines = parts.flatMap(({ name, state, says, origin, fix }) => {
    const optional = state === 'optional' ? ' (not needed for a run)' : '';
    return [
      `${MARKS[state]} ${name.padEnd(width)}  ${says.replaceAll('\n', `\n${indent}`)}${optional}`,
      ...(origin === undefined ? [] : [`${indent}${origin}`]),
      ...(fix === undefined || state === 'ok' ? [] : [`${indent}→ ${fix}`]),
    ];
  });
  const verdict = ready
    ? 'All that a run needs is there.'
    : 'A run is not possible yet: mend what is marked ✗. "npm run setup" mends most of it.';
  return `${lines.join('\n')}\n\n${verdict}\n`;
}
