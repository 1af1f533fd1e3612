/** `modalmix serve` beside the same network, with the same weights, in PyTorch behind FastAPI and uvicorn. */
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pLimit from 'p-limit';
import { z } from 'zod';
import { PROJECT_FOLDER } from '../../infra/folders.ts';
import { FollowedModel } from '../../pipelines/prediction/serving/followed-model.ts';
import { describeError } from '../../schemas/errors.ts';
import type { Bench, BenchContext } from '../harness/bench.ts';
import { figuresAgainst, quantile, type Figure } from '../harness/figure.ts';
import { inTurns, secondsOf } from '../harness/in-turns.ts';
import { requirePeerPackages } from '../harness/peers.ts';
import { ServerProcess } from '../harness/server-process.ts';
import { torchPeers, type AbsentTorch, type TorchPeer } from '../harness/torch-peers.ts';
import { askFor, makeServedModel, type BenchClip, type ServedModel } from './serve-parts.ts';

const PEER = fileURLToPath(new URL('../peers/serve.py', import.meta.url));
const AT_ONCE = 8;
const WARM_UP = 8;
/** Above the rounding of two engines, below what another network would differ by. */
const MOST_APART = 1e-3;

interface Case {
  readonly name: string;
  /** Of the encoders' first stage. */
  readonly width: number;
  /** One after the other. */
  readonly requests: number;
  readonly together: number;
}

const CASES: readonly Case[] = [
  { name: 'ResNet-18 of width 16', width: 16, requests: 100, together: 160 },
  { name: 'ResNet-18', width: 64, requests: 60, together: 48 },
];
const QUICK_CASES: readonly Case[] = [{ ...CASES[0]!, requests: 8, together: 16 }];

export const bench: Bench = {
  title: 'Service: clip → class probabilities over HTTP',
  method:
    'Clips of 3 s (480 × 360, 25 fps, h264 and aac), one a request as multipart/form-data, to `modalmix serve` with its defaults; two ResNet-18s ' +
    '(257×188×1 and 3 × 224×224×3), concatenated, float32, as published (width 64) and of the demo’s width 16. The peer has the same weights in ' +
    'PyTorch (channels last, inference mode) behind FastAPI and one uvicorn worker, reads clips with PyAV (its threads on auto), and makes the spectrogram ' +
    `with torch.stft; requests are its threads, networks take turns on all cores. p50 and p99: one request after the other; clips/s: ${String(AT_ONCE)} requests at once. ` +
    'The network alone: on the same features, normalisation in it; of ours also the way to the process that judges and back. Whoever asks runs on the same cores.',
  measure,
};

async function measure(context: BenchContext): Promise<Figure[]> {
  const { quick, scratch, say } = context;
  const torch = await torchPeers(context.allPeers, say);
  const packages = await requirePeerPackages('serve', say);
  const figures: Figure[] = [];
  for (const one of quick ? QUICK_CASES : CASES) {
    say(`${one.name}: training for an epoch`);
    const served = await makeServedModel(join(scratch, String(one.width)), one.width);
    figures.push(...(await measureCase(context, one, served, { ...torch, packages })));
  }
  return figures;
}

interface Peers {
  readonly peers: readonly TorchPeer[];
  readonly absent: readonly AbsentTorch[];
  /** Where FastAPI and the rest are. */
  readonly packages: string;
}

interface Contender {
  readonly url: string;
  /** The network alone: probabilities and how long it took, milliseconds. */
  readonly judge: (clip: BenchClip) => Promise<{ probabilities: readonly number[]; ms: number }>;
  readonly stop: () => Promise<void>;
}

interface Measured {
  readonly p50: number;
  readonly p99: number;
  readonly rate: number;
  readonly network: number;
}

async function measureCase(
  { rounds, say }: BenchContext,
  of: Case,
  served: ServedModel,
  { peers, absent: absentPeers, packages }: Peers,
): Promise<Figure[]> {
  const contenders = new Map<string, Contender>();
  const absent = [...absentPeers];
  try {
    contenders.set('ours', await startOurs(served));
    for (const peer of peers) {
      try {
        contenders.set(peer.name, await startPeer(peer, served, packages));
      } catch (error) {
        absent.push({ name: peer.name, problem: describeError(error) });
      }
    }
    const apart = await compare(contenders, served.clips);
    const measured = await inTurns<string, Measured>(
      rounds,
      Object.fromEntries(
        [...contenders].map(([name, contender]) => [
          name,
          async () => {
            const one = await measureContender(contender, of, served.clips);
            const { p50, p99, rate, network } = one;
            const ms = [p50, p99, network].map((value) => value.toFixed(1)).join(', ');
            say(`${of.name}, ${name}: p50, p99, network: ${ms} ms; ${rate.toFixed(1)} clips/s`);
            return one;
          },
        ]),
      ),
    );
    const figure = (
      what: string,
      unit: string,
      better: Figure['better'],
      of_: (m: Measured) => number,
      note?: string,
    ) => {
      const samples = [...contenders.keys()]
        .filter((name) => name !== 'ours')
        .map((name) => ({ name: nameOf(name), samples: measured[name]!.map(of_) }));
      const missing = absent.map(({ name, problem }) => ({ name: nameOf(name), samples: [], problem }));
      const own = { name: `${of.name}, ${what}`, unit, better, ours: measured['ours']!.map(of_) };
      const [first, ...others] = figuresAgainst([...samples, ...missing], own);
      return [{ ...first!, ...(note === undefined ? {} : { note }) }, ...others];
    };
    return [
      ...figure('one clip a request, p50', 'ms', 'lower', ({ p50 }) => p50, apart),
      ...figure('one clip a request, p99', 'ms', 'lower', ({ p99 }) => p99),
      ...figure(`${String(AT_ONCE)} requests at once`, 'clips/s', 'higher', ({ rate }) => rate),
      ...figure('the network alone, p50', 'ms', 'lower', ({ network }) => network),
    ];
  } finally {
    for (const contender of contenders.values()) await contender.stop();
  }
}

function nameOf(torch: string): string {
  return `FastAPI, ${torch}`;
}

async function startOurs({ store, name, chosen }: ServedModel): Promise<Contender> {
  const words = ['serve', '--model', name, '--store', store.uri, '--port', '0', '--json'];
  const server = await ServerProcess.start(
    process.execPath,
    [join(PROJECT_FOLDER, 'cli/modalmix.mjs'), ...words],
    process.env,
  );
  const model = new FollowedModel({ store, chosen, onEvent: () => undefined });
  await model.current();
  return {
    url: server.url,
    judge: async ({ extracted }) => {
      const startedAt = performance.now();
      const [answer] = await model.judge([extracted]);
      return { probabilities: answer!.fused.probabilities, ms: performance.now() - startedAt };
    },
    stop: async () => {
      model.close();
      await server.stop();
    },
  };
}

const judgedSchema = z.object({ probabilities: z.array(z.number()), ms: z.number() });

async function startPeer(
  { python, options }: TorchPeer,
  { exported }: ServedModel,
  packages: string,
): Promise<Contender> {
  const threads = String(availableParallelism());
  const path = [packages, process.env['PYTHONPATH']].filter((folder) => folder !== undefined);
  const server = await ServerProcess.start(python, [PEER, exported, threads, ...options], {
    ...process.env,
    PYTHONPATH: path.join(delimiter),
    OMP_NUM_THREADS: threads,
  });
  return {
    url: server.url,
    judge: async ({ files }) => {
      const response = await fetch(`${server.url}/judge`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(files),
      });
      if (!response.ok) throw new Error(`the peer: ${String(response.status)} ${await response.text()}`);
      return judgedSchema.parse(await response.json());
    },
    stop: async () => {
      await server.stop();
    },
  };
}

/**
 * @returns how far apart the answers are, in words
 * @throws Error when they are of another network
 */
async function compare(
  contenders: ReadonlyMap<string, Contender>,
  clips: readonly BenchClip[],
): Promise<string | undefined> {
  const ours = contenders.get('ours')!;
  const said: string[] = [];
  for (const [name, contender] of contenders) {
    if (contender === ours) continue;
    let [same, own] = [0, 0];
    for (const clip of clips) {
      same = Math.max(
        same,
        apart((await ours.judge(clip)).probabilities, (await contender.judge(clip)).probabilities),
      );
      own = Math.max(own, apart(await askFor(ours.url, clip), await askFor(contender.url, clip)));
    }
    if (!(same <= MOST_APART))
      throw new Error(`${name} answers the same features otherwise, by ${String(same)}`);
    said.push(
      `${name} ${same.toExponential(0)}, and ${own.toExponential(0)} where each extracts them itself`,
    );
  }
  if (said.length === 0) return undefined;
  return `the largest difference of a probability to ours on the same features is, of ${said.join('; of ')}`;
}

function apart(some: readonly number[], others: readonly number[]): number {
  if (some.length !== others.length) return Infinity;
  return Math.max(...some.map((value, place) => Math.abs(value - others[place]!)));
}

async function measureContender(
  { url, judge }: Contender,
  { requests, together }: Case,
  clips: readonly BenchClip[],
): Promise<Measured> {
  const clipOf = (n: number) => clips[n % clips.length]!;
  const limit = pLimit(AT_ONCE);
  const ask = async (count: number) =>
    await limit.map(Array.from({ length: count }).keys(), async (n) => await askFor(url, clipOf(n)));
  await ask(WARM_UP);
  const times: number[] = [];
  for (let n = 0; n < requests; n += 1) {
    times.push(1_000 * (await secondsOf(async () => await askFor(url, clipOf(n)))));
  }
  const seconds = await secondsOf(async () => await ask(together));
  const alone: number[] = [];
  for (let n = 0; n < WARM_UP + requests; n += 1) {
    const { ms } = await judge(clipOf(n));
    if (n >= WARM_UP) alone.push(ms);
  }
  return {
    ...{ p50: quantile(times, 0.5), p99: quantile(times, 0.99) },
    ...{ rate: together / seconds, network: quantile(alone, 0.5) },
  };
}
