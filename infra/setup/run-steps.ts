/** Looks at every part, and puts the missing ones in place: one set-up at a time on a machine. */
import { join } from 'node:path';
import { ModalmixError } from '../../schemas/errors.ts';
import { cacheFolder } from '../folders.ts';
import { withLock } from '../lock.ts';
import type { SetupContext, SetupStep } from './step.ts';
import { requireDiskSpace, surveyTable } from './survey.ts';

/** Building the Temporal CLI and fetching CUDA take minutes. */
const LOCK_TIMEOUT_MS = 30 * 60_000;
const NAME_WIDTH = 18;
/** In the cache; held while a set-up, or what removes its work, is busy there. */
export const SETUP_LOCK = 'setup.lock';

export interface StepOutcome {
  readonly name: string;
  readonly performed: boolean;
}

/**
 * Looks at everything first. When all is there it prints a line a part with its time, locks nothing and changes
 * nothing; else a table of what there is and what will be fetched from where, and then a line for each part that it
 * has put in place.
 * @throws ModalmixError of the first step that failed; `dependency` when the disk has no room
 */
export async function runSteps(steps: readonly SetupStep[], context: SetupContext): Promise<StepOutcome[]> {
  const startedAt = steps.map(() => performance.now());
  const parts = await Promise.all(
    steps.map(async (step, place) => {
      const finding = await step.check(context);
      return { step, finding, line: okLine(step, finding, startedAt[place]!) };
    }),
  );
  const missing = parts.filter(({ finding }) => !finding.inPlace);
  if (missing.some(({ finding }) => !finding.inPlace && finding.plan !== undefined)) {
    for (const line of surveyTable(parts)) context.say(line);
    await requireDiskSpace(parts);
  } else for (const { line } of parts) if (line !== '') context.say(line);
  if (missing.length === 0) return parts.map(({ step }) => ({ name: step.name, performed: false }));
  const onWait = (pid: number) => {
    context.say(`waiting for the set-up of process ${pid}`);
  };
  return await withLock(join(cacheFolder(), SETUP_LOCK), { waitMs: LOCK_TIMEOUT_MS, onWait }, async () => {
    const fetching = fetchAll(
      missing.map(({ step }) => step),
      context,
    );
    const outcomes: StepOutcome[] = [];
    for (const { step, finding } of parts) {
      const performed = !finding.inPlace && (await performStep(step, fetching.get(step), context));
      outcomes.push({ name: step.name, performed });
    }
    return outcomes;
  });
}

/** All at once; what fails is told, and tried again when its step is performed. */
function fetchAll(steps: readonly SetupStep[], context: SetupContext): ReadonlyMap<SetupStep, Promise<void>> {
  return new Map(
    steps.flatMap((step) => (step.fetch === undefined ? [] : [[step, fetchMissing(step, context)]])),
  );
}

async function fetchMissing(step: SetupStep, context: SetupContext): Promise<void> {
  try {
    // Another set-up that was waited for may have brought it.
    if (!(await step.check(context)).inPlace) await step.fetch?.(context);
  } catch (error) {
    context.say(`..    ${step.name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function performStep(
  step: SetupStep,
  fetching: Promise<void> | undefined,
  context: SetupContext,
): Promise<boolean> {
  const startedAt = performance.now();
  await fetching;
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
