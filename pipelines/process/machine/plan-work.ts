/** From what a machine has to what is done on it at a time. Pure: `machine.ts` looks. */
import { ModalmixError } from '../../../schemas/errors.ts';
import { TASK_QUEUES } from '../../../schemas/names.ts';
import { coresOf, memoryOf, type Machine } from './machine.ts';

/** Activities at a time, by queue. */
export type Slots = Readonly<Record<keyof typeof TASK_QUEUES, number>>;

export interface WorkPlan {
  readonly slots: Slots;
  /** Clips decoded at a time by all shards together. */
  readonly clipsAtOnce: number;
  /** Of each training, evaluation and prediction; `training.threads` goes before it. */
  readonly threads: number;
  /** One for each training slot, to be shared when there are more slots; none for the CPU. */
  readonly gpus: readonly string[];
  /** Each a sentence for a person. */
  readonly why: readonly string[];
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;
/** Workflows, small reading and writing: they wait more than they compute. */
const CONTROL_SLOTS = 8;
/**
 * Beside the shard that goes first there is one that takes the cores it leaves free, at its last clips and while its file is
 * brought to the disk. More cores are through with a shard sooner, while that time stays (reckoned, not measured).
 */
const LEAST_SHARDS = 2;
const CORES_A_SHARD = 8;
/** Reckoned, not measured: a second training takes what the parts of a step leave that are not spread over threads. */
const CORES_A_TRAINING = 8;
/**
 * Trainings side by side may have twice as many threads as there are cores: each waits at times, and the cores then go to
 * the others. One alone keeps 16. On 2 cores that costs no processor time; more cores were not to be had.
 */
const THREADS_A_CORE = 2;
/** Held by what runs beside: server, supervisor, worker. */
const RESERVED_BYTES = GIB;
/** Of a process that trains: about 1 GiB at batch 8 (`bench/training.md`), twice that for larger ones; assumed with CUDA. */
const TRAINING_BYTES = 2 * GIB;
const GPU_TRAINING_BYTES = 4 * GIB;
/** Assumed: a process that decodes an ordinary film, and the rows of its that wait for their turn. */
const CLIP_BYTES = 256 * MIB;

/**
 * Depends on nothing else: a training that is stopped and taken up again on the same machine has the same threads, and so
 * ends with the same weights.
 *
 * @param asked slots that somebody wants, whatever the machine has
 */
export function planWork(machine: Machine, asked: Partial<Slots> = {}): WorkPlan {
  const cores = coresOf(machine);
  const memory = memoryOf(machine);
  const room = (bytes: number) => Math.max(1, Math.floor((memory - RESERVED_BYTES) / bytes));
  const gpus = machine.gpus;

  const mostClips = Math.max(LEAST_SHARDS, cores);
  const clips = Math.min(mostClips, room(CLIP_BYTES));
  const shards = Math.min(clips, Math.max(LEAST_SHARDS, 1 + Math.ceil(cores / CORES_A_SHARD)));

  const mostTrainings = gpus.length > 0 ? gpus.length : Math.max(1, Math.floor(cores / CORES_A_TRAINING));
  const trainings = Math.min(mostTrainings, room(gpus.length > 0 ? GPU_TRAINING_BYTES : TRAINING_BYTES));

  const slots = { media: shards, training: trainings, control: CONTROL_SLOTS, ...asked };
  const share = gpus.length > 0 ? cores / slots.training : (THREADS_A_CORE * cores) / slots.training;
  const threads = Math.max(1, Math.min(cores, Math.ceil(share)));
  const clipsAtOnce = Math.max(clips, slots.media);
  return {
    ...{ slots, clipsAtOnce, threads, gpus },
    why: [
      coresSentence(machine, cores),
      memorySentence(machine, [
        ...(clips < mostClips ? [`${String(clips)} of ${count(mostClips, 'clip')}`] : []),
        ...(trainings < mostTrainings
          ? [`${String(trainings)} of ${count(mostTrainings, 'training')} at a time`]
          : []),
      ]),
      `media: ${count(slots.media, 'shard')} at a time, ${count(clipsAtOnce, 'clip')}${isAsked(asked, 'media')}`,
      trainingSentence(slots.training, threads, gpus) + isAsked(asked, 'training'),
      ...(asked.control === undefined ? [] : [`control: ${String(asked.control)} at a time, as asked`]),
    ],
  };
}

/**
 * @param text `media=2,training=1`
 * @param where it stands, for the error
 * @throws ModalmixError `config` for unknown queues and counts that are none
 */
export function parseSlots(text: string, where: string): Partial<Slots> {
  const pairs = text.split(',').filter((pair) => pair.trim() !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const [name = '', value = ''] = pair.split('=').map((word) => word.trim());
      const fix = `Write it as media=2,training=1; queues are ${Object.keys(TASK_QUEUES).join(', ')}.`;
      if (!Object.hasOwn(TASK_QUEUES, name))
        throw new ModalmixError('config', `there is no queue "${name}"`, { where, fix });
      if (/^[1-9]\d{0,3}$/u.test(value)) return [name, Number(value)];
      throw new ModalmixError('config', `"${pair}" is not a queue and a count`, { where, fix });
    }),
  );
}

function isAsked(asked: Partial<Slots>, queue: keyof Slots): string {
  return asked[queue] === undefined ? '' : ', as asked';
}

function coresSentence({ cores, allCores, quota }: Machine, used: number): string {
  const there = cores === allCores ? count(cores, 'core') : `${String(cores)} of ${count(allCores, 'core')}`;
  if (quota === undefined || quota.value >= cores) return there;
  return `${there}, and time of ${String(Math.round(quota.value * 100) / 100)} (${quota.file}): work for ${String(used)}`;
}

function memorySentence(machine: Machine, less: readonly string[]): string {
  const { memoryBytes, memoryLimit } = machine;
  const gib = (bytes: number) => `${(bytes / GIB).toFixed(1)} GiB`;
  const isLimited = memoryLimit !== undefined && memoryLimit.value < memoryBytes;
  const has = isLimited
    ? `memory: ${gib(memoryLimit.value)} of ${gib(memoryBytes)} (${memoryLimit.file})`
    : `memory: ${gib(memoryBytes)}`;
  return less.length === 0 ? has : `${has}: room for ${less.join(', ')}`;
}

function trainingSentence(trainings: number, threads: number, gpus: readonly string[]): string {
  const each = trainings === 1 ? '' : ' each';
  const on = gpus.length === 0 ? '' : `, on GPU ${gpus.join(', ')}`;
  return `training: ${String(trainings)} at a time, ${count(threads, 'thread')}${each}${on}`;
}

function count(number: number, what: string): string {
  return `${String(number)} ${what}${number === 1 ? '' : 's'}`;
}
