/** What `modalmix doctor` tells of the machine, and of what is done on it at a time. */
import { cpus } from 'node:os';
import { askedSlots, workPlan } from '../../infra/workers/work-plan.ts';
import { memoryOf, readMachine } from '../../pipelines/process/machine/machine.ts';
import { processorFeatures } from '../../pipelines/process/processor-features.ts';
import { describeError } from '../../schemas/errors.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import type { Part } from './part.ts';

const GIB = 1024 ** 3;
const NEEDED_MEMORY_BYTES = 3 * GIB;
/** Instructions that training is faster with, as `/proc/cpuinfo` calls them. */
const FEATURES = ['avx2', 'fma', 'avx512f', 'avx512_bf16', 'amx_bf16'] as const;

export function machinePart(): Part {
  const machine = readMachine();
  const memory = memoryOf(machine);
  const cores = `${String(machine.cores)} cores`;
  const says = `${cpus()[0]?.model.trim() ?? process.arch}, ${cores}${features()}, ${(memory / GIB).toFixed(1)} GiB memory`;
  if (memory >= NEEDED_MEMORY_BYTES) return { name: 'machine', state: 'ok', says };
  return { name: 'machine', state: 'optional', says, fix: 'Lower training.batchSize: memory is scarce.' };
}

/** What a worker that is started here does at a time, and what that follows from. */
export async function slotsPart(): Promise<Part> {
  const name = 'work at a time';
  const asked = process.env[ENVIRONMENT.slots] ?? '';
  try {
    const { why } = await workPlan(askedSlots(process.env));
    return {
      name,
      state: 'ok',
      says: why.join('\n'),
      ...(asked === '' ? {} : { origin: ENVIRONMENT.slots }),
    };
  } catch (error) {
    const fix = `Correct ${ENVIRONMENT.slots} or ${ENVIRONMENT.engine}.`;
    return { name, state: 'missing', says: describeError(error), fix };
  }
}

/** In words; nothing where the system does not tell. */
function features(): string {
  const known = processorFeatures();
  if (known.size === 0 || process.arch !== 'x64') return '';
  const there = FEATURES.filter((name) => known.has(name));
  return ` (${there.length === 0 ? 'none of' : 'with'} ${(there.length === 0 ? FEATURES : there).join(', ')})`;
}
