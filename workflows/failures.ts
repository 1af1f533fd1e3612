/** Failures that a workflow goes on from. */
import { ApplicationFailure, CancellationScope } from '@temporalio/workflow';

const REASON_CHARACTERS = 500;

/** What went wrong in words, unless all of the workflow is cancelled. */
export async function orFailure<T>(
  work: () => Promise<T>,
): Promise<{ readonly output: T } | { readonly reason: string }> {
  try {
    return { output: await work() };
  } catch (error) {
    if (CancellationScope.current().consideredCancelled) throw error;
    return { reason: reasonOf(error).slice(0, REASON_CHARACTERS) };
  }
}

/** The activity's own words out of what Temporal wrapped around them. */
export function reasonOf(error: unknown): string {
  let message = 'it failed';
  for (let here = error; here instanceof Error; here = here.cause) {
    message = here.message;
    if (here instanceof ApplicationFailure) break;
  }
  return message;
}
