/** What a worker does at a time on this machine, the GPUs that TensorFlow was set up for counted. */
import { readMachine, visibleGpus, type Machine } from '../../pipelines/process/machine/machine.ts';
import {
  parseSlots,
  planWork,
  type Slots,
  type WorkPlan,
} from '../../pipelines/process/machine/plan-work.ts';
import { engineOfEnvironment } from '../../schemas/config/asked-engine.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';

/** @throws ModalmixError `config` when `MODALMIX_SLOTS` says no slots */
export function askedSlots(environment: Readonly<NodeJS.ProcessEnv>): Partial<Slots> {
  return parseSlots(environment[ENVIRONMENT.slots] ?? '', `environment variable ${ENVIRONMENT.slots}`);
}

/** @param asked slots that somebody wants, whatever the machine has */
export async function workPlan(asked: Partial<Slots>): Promise<WorkPlan> {
  return planWork(await workMachine(), asked);
}

async function workMachine(): Promise<Machine> {
  const machine = readMachine();
  const engine = engineOfEnvironment(process.env);
  if (engine === 'cpu' || engine === 'webgpu') return machine;
  const gpus = await visibleGpus(process.env);
  if (gpus.length === 0) return machine;
  const { builtEngine } = await import('../setup/steps/tensorflow.ts');
  return builtEngine()?.engine === 'gpu' ? { ...machine, gpus } : machine;
}
