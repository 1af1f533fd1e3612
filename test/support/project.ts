/** A working folder as a person has it: clips, a config, the command, and servers of its own. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { stopSupervisor } from '../../infra/supervisor/supervise.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';

const MODALMIX = fileURLToPath(new URL('../../cli/modalmix.mjs', import.meta.url));
/** Dead workers are noticed soon, so that tests need not wait. */
const HEARTBEAT_TIMEOUT_S = 3;

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const startCommand = (cwd: string, env: Record<string, string>, words: readonly string[]) =>
  execa(process.execPath, [MODALMIX, ...words], { reject: false, stripFinalNewline: false, cwd, env });
export type RunningCommand = ReturnType<typeof startCommand>;

export interface Project {
  readonly folder: string;
  /** Writes `<name>.yaml` and returns its path. */
  config(name: string, config: object): Promise<string>;
  store(name: string): Store;
  /** Starts the command; it may be sent signals. */
  start(...words: string[]): RunningCommand;
  /** Runs the command to its end. */
  modalmix(...words: string[]): Promise<CommandResult>;
  /** Stops server and workers and deletes the folder. */
  end(): Promise<void>;
}

export async function createProject(): Promise<Project> {
  const folder = await mkdtemp(join(tmpdir(), 'modalmix-project-'));
  const home = join(folder, 'home');
  // `stopSupervisor` and its like look there too.
  process.env[ENVIRONMENT.home] = home;
  const env = { [ENVIRONMENT.home]: home, [ENVIRONMENT.heartbeatTimeoutS]: String(HEARTBEAT_TIMEOUT_S) };
  const start = (...words: string[]) => startCommand(folder, env, words);
  return {
    folder,
    config: async (name, config) => {
      const file = join(folder, `${name}.yaml`);
      await writeFile(file, stringify(config));
      return file;
    },
    store: (name) => openStore(`file:${join(folder, name)}`),
    start,
    modalmix: async (...words) => {
      const { exitCode, stdout, stderr } = await start(...words);
      return { exitCode: exitCode ?? -1, stdout, stderr };
    },
    end: async () => {
      await stopSupervisor();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Of `tinyConfig`'s trainings. */
export const CHECKPOINT_EVERY_STEPS = 3;

/** The smallest models and features that still learn the tiny clips; shards of a few clips each. */
export function tinyConfig(clips: string, store: string, training: object = {}): object {
  return {
    name: 'tiny',
    store: `file:${store}`,
    dataset: { format: 'folder', root: clips, validationShare: 0 },
    extraction: {
      audio: { sampleRateHz: 8_000, nFft: 128, hop: 64, durationS: 1 },
      video: { frames: 1, shortSide: 32 },
      shard: { targetMiB: 0.2 },
    },
    training: {
      methods: ['b-mm'],
      epochs: 4,
      batchSize: 4,
      encoder: { width: 4 },
      cropPx: 32,
      augment: { cropMinScale: 0.8 },
      optimizer: { name: 'adam', learningRate: 0.003 },
      schedule: { name: 'constant' },
      checkpoint: { everySteps: CHECKPOINT_EVERY_STEPS },
      threads: 1,
      ...training,
    },
    evaluation: { noiseLevels: [1], umap: { neighbors: 5 }, examples: 2 },
  };
}
