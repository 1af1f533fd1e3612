/**
 * A run and a stream whose store lies on a disk that fills up in each stage and is freed again. Needs a mount namespace of its
 * own (`unshare --mount`): started by `full-disk.test.ts`, prints one line of JSON for each stage.
 */
import { open, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { stopKafka } from '../../infra/kafka/ensure-kafka.ts';
import { fetchJars } from '../../infra/kafka/fetch-jars.ts';
import { createExtractor } from '../../pipelines/extraction/create-extractor.ts';
import { clipEventsOf, sendClipEvents } from '../../pipelines/streaming/send-clips.ts';
import { ensureTopics } from '../../pipelines/streaming/kafka/topics.ts';
import { createProject, tinyConfig, type Project } from '../support/project.ts';
import { createStream } from '../support/stream-fixture.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';
import { expectNothingTemporary, expectOutcome, expectStream, outcomeOf } from './outcome.ts';

const SIZE = '48m';
const TRAINING = { epochs: 10 };
const CLASSES = ['high', 'low'];
const POLL_MS = 20;
const PATIENCE_MS = 600_000;
const PIECES = [1_048_576, 4_096];

/** What must be there for the stage to be at work. */
const STAGES: readonly (readonly [name: string, begun: RegExp])[] = [
  ['extraction', /^datasets\/.*plan/u],
  ['training', /^runs\/.*\/checkpoints\/step-/u],
  ['evaluation', /^runs\/.*\/model\.safetensors$/u],
];

const project = await createProject();
const disk = join(project.folder, 'small');
const ballast = join(disk, 'ballast');
await mkdir(disk);
await execa('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'modalmix-test', disk]);
try {
  const clips = await makeTinyClips({ clipsPerClass: 9 });
  await runOnFullDisk(project, clips);
  await streamOnFullDisk(project, clips);
  await rm(clips, { recursive: true, force: true });
} finally {
  await stopKafka();
  await project.end().catch(() => undefined);
  await execa('umount', ['--lazy', disk], { reject: false });
  await rm(project.folder, { recursive: true, force: true });
}

async function runOnFullDisk(project: Project, clips: string): Promise<void> {
  const calm = await project.modalmix(
    'run',
    await project.config('calm', tinyConfig(clips, 'calm', TRAINING)),
  );
  if (calm.exitCode !== 0) throw new Error(`the undisturbed run: ${calm.stderr}`);
  const file = await project.config('filled', tinyConfig(clips, 'small/filled', TRAINING));
  const filled = project.store('small/filled');

  await fill();
  const refused = await project.modalmix('run', file);
  say({ stage: 'the command itself', exitCode: refused.exitCode, says: sentenceOf(refused.stderr) });
  await rm(ballast);

  const command = project.start('run', file);
  let output = '';
  command.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  command.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  for (const [stage, begun] of STAGES) {
    await until(`${stage} to begin`, async () => (await filled.list('')).some((path) => begun.test(path)));
    await fill();
    const from = output.length;
    await until(`${stage} to say that the disk is full:\n${output}`, () =>
      Promise.resolve(sentenceOf(output.slice(from)) !== undefined),
    );
    say({ stage, says: sentenceOf(output.slice(from)) });
    await rm(ballast);
  }
  const { exitCode } = await command;
  if (exitCode !== 0) throw new Error(`the run ended with ${String(exitCode)}:\n${output}`);
  expectOutcome(await outcomeOf(filled), await outcomeOf(project.store('calm')));
  await expectNothingTemporary(filled);
  say({ stage: 'the run', exitCode, files: (await outcomeOf(filled)).size });
}

async function streamOnFullDisk(project: Project, clips: string): Promise<void> {
  await fetchJars();
  const extractor = await createExtractor(() => undefined);
  const home = join(project.folder, 'home');
  const stream = await createStream(
    home,
    'full',
    clips,
    extractor,
    {},
    undefined,
    `file:${join(disk, 'stream')}`,
  );
  const connection = await stream.connection();
  const topics = await ensureTopics(connection, stream.settings.target.stream, () => undefined);
  const kept = await project.modalmix('stream', 'work', 'all', '--detach', '--config', stream.configFile);
  if (kept.exitCode !== 0) throw new Error(`the stream cannot be kept: ${kept.stderr}`);
  const events = await clipEventsOf(clips, CLASSES);
  await sendClipEvents(connection, topics, events.slice(0, 8));
  await until('the first clips', async () => ((await stream.manifest())?.counts.rows ?? 0) > 0);
  await fill();
  await sendClipEvents(connection, topics, events.slice(8));
  await sleep(10_000);
  const meanwhile = (await stream.manifest())?.counts.rows ?? 0;
  await rm(ballast);
  await expectStream(stream, events, extractor, PATIENCE_MS);
  say({ stage: 'the stream', clips: events.length, beforeTheDiskWasFreed: meanwhile });
  await project.modalmix('stream', 'stop', '--config', stream.configFile);
}

async function fill(): Promise<void> {
  const file = await open(ballast, 'a');
  try {
    for (const piece of PIECES) {
      try {
        for (;;) await file.appendFile(Buffer.alloc(piece, 1));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    }
  } finally {
    await file.close();
  }
}

function sentenceOf(text: string): string | undefined {
  return /[^\n]*the disk is full[^\n]*/u.exec(text)?.[0];
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited for ${what}`);
    await sleep(POLL_MS);
  }
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
