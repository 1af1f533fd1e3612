/** Server and worker of this home, in the page's words. */
import { runningSupervisor } from '../../../infra/supervisor/supervise.ts';
import { describeError } from '../../../schemas/errors.ts';
import type { ServiceState } from '../../wire.ts';
import type { TemporalLink } from './temporal-link.ts';

export function serviceState(link: TemporalLink): ServiceState {
  const { session, state, failure } = link;
  const base = { temporal: state, ...(failure === undefined ? {} : { failure }) } as const;
  if (session?.embedded === false) return { ...base, worker: 'elsewhere' };
  const supervisor = runningSupervisor();
  if (supervisor === undefined) return { ...base, worker: 'none' };
  const broken = session?.workerFailure();
  if (broken !== undefined) return { ...base, worker: 'broken', workerFailure: describeError(broken) };
  const { worker, workerStarts, lastExit } = supervisor;
  return {
    ...base,
    worker: worker === undefined ? 'starting' : 'working',
    ...(worker === undefined ? {} : { workerPid: worker.pid }),
    workerStarts,
    ...(lastExit === undefined ? {} : { lastExit }),
  };
}
