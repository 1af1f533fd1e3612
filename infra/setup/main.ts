/** Set-up once the npm packages are there: `bootstrap.mjs` calls it. */
import { parseArgs } from 'node:util';
import { EXIT_CODES, ModalmixError, describeError, exitCodeOf } from '../../schemas/errors.ts';
import { runSteps } from './run-steps.ts';
import { ENGINES, type Engine, type SetupStep } from './step.ts';
import { chromiumStep } from './steps/chromium.ts';
import { ffmpegStep } from './steps/ffmpeg.ts';
import { fontsStep } from './steps/fonts.ts';
import { temporalCliStep } from './steps/temporal-cli.ts';
import { tensorflowStep } from './steps/tensorflow.ts';
import { testPythonStep } from './steps/test-python.ts';

/** What the main job needs. */
export const RUN_STEPS: readonly SetupStep[] = [tensorflowStep, ffmpegStep, fontsStep, temporalCliStep];
/** What the tests need besides. */
export const TEST_STEPS: readonly SetupStep[] = [chromiumStep, testPythonStep];

/**
 * @param argv `--for=run|test`, `--engine=auto|cpu|gpu`
 * @returns the exit code
 */
export async function main(argv: readonly string[]): Promise<number> {
  const say = (line: string) => {
    process.stdout.write(`${line}\n`);
  };
  try {
    const { purpose, engine } = parseOptions(argv);
    await runSteps(purpose === 'test' ? [...RUN_STEPS, ...TEST_STEPS] : RUN_STEPS, { engine, say });
    return EXIT_CODES.ok;
  } catch (error) {
    process.stderr.write(`\nSet-up stopped: ${describeError(error)}\n`);
    return error instanceof ModalmixError ? exitCodeOf(error.kind) : EXIT_CODES.failed;
  }
}

function parseOptions(argv: readonly string[]): { purpose: 'run' | 'test'; engine: Engine } {
  const { values } = parseArgs({
    args: [...argv],
    options: { for: { type: 'string', default: 'run' }, engine: { type: 'string', default: 'auto' } },
  });
  const engine = ENGINES.find((name) => name === values.engine);
  if (engine === undefined) {
    throw new ModalmixError('config', `"${values.engine}" is none of ${ENGINES.join(', ')}`, {
      where: '--engine',
    });
  }
  if (values.for !== 'run' && values.for !== 'test') {
    throw new ModalmixError('config', `"${values.for}" is neither run nor test`, { where: '--for' });
  }
  return { purpose: values.for, engine };
}
