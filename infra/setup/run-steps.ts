/** Looks at every part, and puts the missing ones in place: one set-up at a time on a machine. */
import { join } from 'node:path';
import { ModalmixError } from '../../schemas/errors.ts';
import { cacheFolder } from '../folders.ts';
import { withLock } from '../lock.ts';
import type { SetupContext, SetupStep } from './step.ts';

/** Building the Temporal CLI and fetching CUDA take minutes. */
const LOCK_TIMEOUT_MS = 30 * 60_000;
const NAME_WIDTH = 18;

export interface StepOutcome {
  readonly name: string;
  readonly performed: boolean;
}

/**
 * Prints a line a step with its time. When everything is there, nothing is locked and nothing changed.
 * @throws ModalmixError of the first step that failed
 */
export async function runSteps(steps: readonly SetupStep[], context: SetupContext): Promise<StepOutcome[]> {
  const startedAt = steps.map(() => performance.now());
  const findings = await Promise.all(
    steps.map(async (step, place) => {
      const finding = await step.check(context);
      return { finding, line: okLine(step, finding, startedAt[place]!) };
    }),
  );
  const outcomes: StepOutcome[] = [];
  for (const [place, step] of steps.entries()) {
    const { finding, line } = findings[place]!;
    if (finding.inPlace) context.say(line);
    outcomes.push({ name: step.name, performed: !finding.inPlace && (await performLocked(step, context)) });
  }
  return outcomes;
}

async function performLocked(step: SetupStep, context: SetupContext): Promise<boolean> {
  const onWait = (pid: number) => {
    context.say(`waiting for the set-up of process ${pid}`);
  };
  return await withLock(join(cacheFolder(), 'setup.lock'), { waitMs: LOCK_TIMEOUT_MS, onWait }, async () => {
    const startedAt = performance.now();
    // An earlier step, or another set-up that was waited for, may have brought it.
    const before = await step.check(context);
    if (before.inPlace) {
      context.say(okLine(step, before, startedAt));
      return false;
    }
    context.say(`..    ${step.name.padEnd(NAME_WIDTH)} for ${step.purpose}: ${before.problem}`);
    const inner = {
      ...context,
      say: (line: string) => {
        context.say(`      ${line}`);
      },
    };
    await step.perform(inner);
    const after = await step.check(context);
    if (!after.inPlace) {
      throw new ModalmixError('dependency', `${after.problem}, still`, {
        where: step.name,
        fix: after.fix,
      });
    }
    context.say(okLine(step, after, startedAt));
    return true;
  });
}

function okLine(
  step: SetupStep,
  finding: Awaited<ReturnType<SetupStep['check']>>,
  startedAt: number,
): string {
  if (!finding.inPlace) return '';
  const detail = finding.detail === undefined ? '' : ` (${finding.detail})`;
  const name = step.name.padEnd(NAME_WIDTH);
  return `ok    ${name} ${finding.version}${detail}, ${finding.origin}  ${duration(startedAt)}`;
}

/** Time since `startedAt` (of `performance.now()`), for people. */
export function duration(startedAt: number): string {
  const ms = performance.now() - startedAt;
  return ms < 1000 ? `[${ms.toFixed(0)} ms]` : `[${(ms / 1000).toFixed(1)} s]`;
}
