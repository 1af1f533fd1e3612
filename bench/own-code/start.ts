/** How commands and workers start: kept code (`infra/command/`) beside packages as they are, packages built in, and Node's own cache. */
import { spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { execa } from 'execa';
import { buildCommand } from '../../infra/command/build-command.ts';
import { description, oneProtobuf } from '../../infra/command/build-packages.ts';
import { builtProgram } from '../../infra/command/built-command.mjs';
import { NOT_CLIENTS } from '../../infra/command/short-description.ts';
import { PROJECT_FOLDER } from '../../infra/folders.ts';
import { BUILT_IN, onlyPackages } from '../../infra/package/build-package.ts';
import { INFRA_PROGRAMS } from '../../infra/programs.ts';
import { ensureTemporal } from '../../infra/temporal/ensure-temporal.ts';
import { ownUrls } from '../../pipelines/process/source-bundle.mjs';
import { inTurns } from '../harness/in-turns.ts';
import { timesOf } from '../harness/processor-time.ts';
import { withHome } from '../harness/with-home.ts';
import { untilPolled } from '../orchestration/real-run.ts';
import type { Compared, Measured, OwnCodeOptions } from './compared.ts';
import { requireKafkaPeers } from './peers.ts';

const CALLS = 5;
const QUICK_CALLS = 1;
/** Kept code is added to by the first uses. */
const WARM_UPS = 4;
const QUICK_WARM_UPS = 1;

/** Of one way to build: the command and a worker. */
interface Programs {
  readonly command: string;
  readonly worker: string;
}

/** On the Node that runs this, then on Node 24, each with servers of its own. */
export async function measureStart(options: OwnCodeOptions): Promise<Compared[]> {
  const { node24 } = await requireKafkaPeers(options.say);
  const folder = join(
    PROJECT_FOLDER,
    'node_modules',
    '.cache',
    'modalmix',
    `own-code-${String(process.pid)}`,
  );
  try {
    const ways = await buildAll(folder);
    const kept = { name: 'ours: packages in files, compiled code kept', programs: ways.kept };
    const builtIn = { name: 'packages built in', programs: ways.builtIn };
    const apart = { name: 'packages loaded from where they are', programs: ways.apart };
    const byNode = ({ name, programs }: typeof kept) => ({
      name: `${name}, NODE_COMPILE_CACHE`,
      programs,
      cache: join(folder, `compiled-${String(name.length)}`),
    });
    return [
      await measureOn(process.execPath, process.version, [kept, builtIn, apart], options),
      await measureOn(node24, 'v24', [kept, builtIn, byNode(builtIn), byNode(apart)], options),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Way {
  readonly name: string;
  readonly programs: Programs;
  /** For `NODE_COMPILE_CACHE`. */
  readonly cache?: string;
}

async function measureOn(
  node: string,
  version: string,
  ways: readonly Way[],
  { rounds, quick, scratch, say }: OwnCodeOptions,
): Promise<Compared> {
  return await withHome(join(scratch, version), async () => {
    await ensureTemporal();
    const measure = async ({ programs, cache }: Way): Promise<Measured> => {
      const env = cache === undefined ? {} : { NODE_COMPILE_CACHE: cache };
      const status = await statusOf(node, programs.command, env, quick ? QUICK_CALLS : CALLS);
      const worker = await startOf(node, programs.worker, env);
      return {
        '`status`, processor': status.processor,
        '`status`, clock': status.clock,
        'a worker until it works, processor': worker.processor,
        'a worker, clock': worker.clock,
      };
    };
    const warmUps = quick ? QUICK_WARM_UPS : WARM_UPS;
    // Starts the worker that `status` looks at.
    await execa(node, [ways[0]!.programs.command, 'status']);
    await untilPolled();
    for (const way of ways) for (let use = 0; use < warmUps; use += 1) await measure(way);
    say(`${version}: all are warm`);
    const seconds = { unit: 's', digits: 2 };
    return {
      title: `Starting, on Node ${version}`,
      method:
        'A call of `modalmix status` beside a server and a worker at rest; a worker process until it takes work. Each has run some times before, for what it keeps.',
      figures: {
        '`status`, processor': seconds,
        '`status`, clock': seconds,
        'a worker until it works, processor': seconds,
        'a worker, clock': seconds,
      },
      rounds: await inTurns(
        rounds,
        Object.fromEntries(ways.map((way) => [way.name, async () => await measure(way)])),
      ),
    };
  });
}

interface Spent {
  /** Seconds. */
  readonly processor: number;
  readonly clock: number;
}

/** The mean of some calls. */
async function statusOf(
  node: string,
  command: string,
  env: Record<string, string>,
  calls: number,
): Promise<Spent> {
  const processor = async () => (await timesOf(process.pid))!.endedChildrenSeconds;
  const [from, before] = [performance.now(), await processor()];
  for (let call = 0; call < calls; call += 1)
    await execa(node, [command, 'status'], { env, stdin: 'ignore' });
  return {
    clock: (performance.now() - from) / 1_000 / calls,
    processor: ((await processor()) - before) / calls,
  };
}

async function startOf(node: string, program: string, env: Record<string, string>): Promise<Spent> {
  const from = performance.now();
  const worker = spawn(node, [program], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, ...env },
  });
  await new Promise<void>((resolve, reject) => {
    worker.on('message', (message) => {
      if (message === 'ready') resolve();
    });
    worker.once('exit', () => {
      reject(new Error(`${program} ended before it worked`));
    });
  });
  const clock = (performance.now() - from) / 1_000;
  const { seconds } = (await timesOf(worker.pid!))!;
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  worker.kill('SIGTERM');
  await ended;
  return { processor: seconds, clock };
}

async function buildAll(folder: string): Promise<Record<'kept' | 'builtIn' | 'apart', Programs>> {
  const kept = join(folder, 'kept');
  await buildCommand(kept);
  const programOf = (name: string) => {
    const path = builtProgram(name, kept);
    if (path === undefined) throw new Error(`${name} was not built, or its sources changed meanwhile`);
    return path;
  };
  return {
    kept: { command: programOf('main'), worker: programOf('worker-main') },
    builtIn: await buildPlain(join(folder, 'built-in'), BUILT_IN.command, BUILT_IN.worker),
    apart: await buildPlain(join(folder, 'apart'), [], []),
  };
}

/** As a package is built (`infra/package/`), with code that finds its files in the checkout. */
async function buildPlain(
  folder: string,
  inCommand: readonly string[],
  inWorker: readonly string[],
): Promise<Programs> {
  const one = async (name: string, entry: string, packages: readonly string[]) => {
    const outdir = join(folder, name);
    await build({
      entryPoints: { [name]: join(PROJECT_FOLDER, entry) },
      ...{ outdir, absWorkingDir: PROJECT_FOLDER, bundle: true, splitting: true, format: 'esm' },
      ...{ platform: 'node', target: 'node20', keepNames: true, logLevel: 'error' },
      banner: {
        js: "import { createRequire as requireOf } from 'node:module';\nconst require = requireOf(import.meta.url);",
      },
      plugins: [
        ...[ownUrls(), ...(packages.length > 0 ? [oneProtobuf(), description(NOT_CLIENTS)] : [])],
        onlyPackages(packages),
      ],
    });
    return join(outdir, `${name}.js`);
  };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }\n');
  return {
    command: await one('main', 'cli/main.ts', inCommand),
    worker: await one('worker-main', INFRA_PROGRAMS['worker-main'], inWorker),
  };
}
