/** Set-up once the npm packages are there: `bootstrap.mjs` calls it. */
import { parseArgs } from 'node:util';
import { engineOfEnvironment, parseEngine } from '../../schemas/config/asked-engine.ts';
import type { Engine } from '../../schemas/config/engine.ts';
import { EXIT_CODES, ModalmixError, describeError, exitCodeOf } from '../../schemas/errors.ts';
import { runSteps } from './run-steps.ts';
import type { SetupContext, SetupStep } from './step.ts';
import { chromiumStep } from './steps/chromium.ts';
import { commandStep } from './steps/command.ts';
import { compilerStep } from './steps/compiler.ts';
import { espeakStep } from './steps/espeak.ts';
import { ffmpegStep } from './steps/ffmpeg.ts';
import { fontsStep } from './steps/fonts.ts';
import { kafkaClientStep } from './steps/kafka-client.ts';
import { kafkaStep } from './steps/kafka.ts';
import {
  KAFKA_ADDON_STEPS,
  pictureKernelsStep,
  shardKernelsStep,
  soundKernelsStep,
  TENSOR_MEMORY_STEPS,
} from './steps/native-addons.ts';
import { s3ServerStep } from './steps/s3-server.ts';
import { softwareGpuStep } from './steps/software-gpu.ts';
import { temporalCliStep } from './steps/temporal-cli.ts';
import { opensslStep } from './steps/openssl.ts';
import { orPackages } from './steps/or-packages.ts';
import { tensorflowStep } from './steps/tensorflow.ts';
import { testMlflowStep } from './steps/test-mlflow.ts';
import { testPythonStep } from './steps/test-python.ts';
import { trainingKernelsStep } from './steps/training-kernels.ts';
import { webgpuStep } from './steps/webgpu.ts';
import { workflowsStep } from './steps/workflows.ts';

const COMPILED_STEPS: readonly SetupStep[] = [
  tensorflowStep,
  trainingKernelsStep,
  ...TENSOR_MEMORY_STEPS,
  shardKernelsStep,
  pictureKernelsStep,
  soundKernelsStep,
];
/** What the main job needs. */
export const RUN_STEPS: readonly SetupStep[] = [
  compilerStep(COMPILED_STEPS),
  ...COMPILED_STEPS,
  orPackages(ffmpegStep, "FFmpeg's libraries in node-av"),
  orPackages(fontsStep, "fontsource's typefaces"),
  orPackages(espeakStep, 'espeak-ng as WebAssembly'),
  temporalCliStep,
  commandStep,
  workflowsStep,
];
/** What streaming needs besides; without it nothing else misses them. */
export const STREAM_STEPS: readonly SetupStep[] = [kafkaClientStep, ...KAFKA_ADDON_STEPS, kafkaStep];
/** Programs that the benchmarks and the tests compare with, and make clips by: nothing else will do there. */
const PROGRAM_STEPS: readonly SetupStep[] = [ffmpegStep, fontsStep, espeakStep];
/** What the tests need besides. */
export const TEST_STEPS: readonly SetupStep[] = [
  ...PROGRAM_STEPS,
  chromiumStep,
  softwareGpuStep,
  opensslStep,
  testPythonStep,
  testMlflowStep,
  s3ServerStep,
];

const STEPS = {
  run: RUN_STEPS,
  stream: [...RUN_STEPS, ...STREAM_STEPS],
  bench: [...RUN_STEPS, ...STREAM_STEPS, ...PROGRAM_STEPS, chromiumStep],
  test: [...RUN_STEPS, ...STREAM_STEPS, ...TEST_STEPS],
} as const;
type Purpose = keyof typeof STEPS;

/**
 * @param argv `--for=run|stream|bench|test`, `--engine=auto|cpu|gpu|webgpu` (without it: what `MODALMIX_ENGINE` says),
 *   `--gpu-elsewhere`: the GPU that is built for need not be in this machine, `--system-packages`: `apt-get` as root where
 *   wheels and npm packages would do, too
 * @param say default: on the standard output
 * @returns the exit code
 */
export async function main(argv: readonly string[], say = sayToOutput): Promise<number> {
  try {
    const { purpose, ...wanted } = parseOptions(argv);
    const steps = wanted.engine === 'webgpu' ? [...STEPS[purpose], webgpuStep] : STEPS[purpose];
    await runSteps(steps, { ...wanted, say });
    return EXIT_CODES.ok;
  } catch (error) {
    process.stderr.write(`\nSet-up stopped: ${describeError(error)}\n`);
    return error instanceof ModalmixError ? exitCodeOf(error.kind) : EXIT_CODES.failed;
  }
}

function sayToOutput(line: string): void {
  process.stdout.write(`${line}\n`);
}

function parseOptions(argv: readonly string[]): { purpose: Purpose } & Omit<SetupContext, 'say'> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      for: { type: 'string', default: 'run' },
      engine: { type: 'string' },
      'gpu-elsewhere': { type: 'boolean', default: false },
      'system-packages': { type: 'boolean', default: false },
    },
  });
  const engine: Engine =
    values.engine === undefined ? engineOfEnvironment(process.env) : parseEngine(values.engine, '--engine');
  const purposes = Object.keys(STEPS) as Purpose[];
  const purpose = purposes.find((name) => name === values.for);
  if (purpose === undefined) {
    throw new ModalmixError('config', `"${values.for}" is none of ${purposes.join(', ')}`, {
      where: '--for',
    });
  }
  return {
    ...{ purpose, engine },
    gpuElsewhere: values['gpu-elsewhere'],
    systemPackages: values['system-packages'],
  };
}
