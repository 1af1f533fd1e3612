/** Tries the image and the Compose file: see README.md. Prints what it does with times, and ends with 1 where something differs. */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { openStore } from '../../../pipelines/store/open-store.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { expectOutcome, outcomeOf } from '../../chaos/outcome.ts';
import { tinyConfig } from '../../support/project.ts';
import { eventually } from '../../support/stream-fixture.ts';
import { makeTinyClips } from '../../support/tiny-clips.ts';
import { Containers } from './containers.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const CLIPS_PER_CLASS = 60;
const EPOCHS = 40;
const S3_PORT = 17_070;
const PATIENCE_MS = 1_200_000;

const begin = performance.now();
const say = (text: string) => {
  process.stdout.write(`${((performance.now() - begin) / 1_000).toFixed(0).padStart(5)} s  ${text}\n`);
};

if (process.argv.includes('--images')) {
  say('building the images');
  await execa(join(HERE, 'images.sh'), { stdio: 'inherit' });
}

const work = await mkdtemp(join(tmpdir(), 'modalmix-containers-'));
await chmod(work, 0o755);
const configs = join(work, 'configs');
await mkdir(configs);
const clips = await makeTinyClips({ clipsPerClass: CLIPS_PER_CLASS });
await execa('chmod', ['-R', 'a+rX', clips]);
const key = randomBytes(12).toString('hex');
const secret = randomBytes(24).toString('hex');
const containers = new Containers({
  MODALMIX_CLIPS: clips,
  MODALMIX_CONFIGS: configs,
  MODALMIX_S3_ACCESS_KEY: key,
  MODALMIX_S3_SECRET_KEY: secret,
  MODALMIX_SIGNING_KEYS: randomBytes(32).toString('base64'),
  MODALMIX_STREAM_CONFIG: 'stream.yaml',
  TEMPORAL_DB_PASSWORD: randomBytes(12).toString('hex'),
});
Object.assign(process.env, {
  AWS_ENDPOINT_URL: `http://127.0.0.1:${String(S3_PORT)}`,
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: key,
  AWS_SECRET_ACCESS_KEY: secret,
});

async function storeOf(name: string, more: object = {}): Promise<Store> {
  const uri = `s3://modalmix/${name}`;
  const config = { ...tinyConfig('/clips', name, { epochs: EPOCHS }), store: uri, ...more };
  await writeFile(join(configs, `${name}.yaml`), stringify(config));
  return openStore(uri);
}

const until = async (what: string, condition: () => Promise<boolean>) =>
  await eventually(what, PATIENCE_MS, async () => ((await condition()) ? true : undefined));
const paths = async (store: Store, folder: string, pattern: RegExp) =>
  (await store.list(folder)).filter((path) => pattern.test(path));
const checkpointsOf = async (store: Store) =>
  await paths(store, 'runs', /\/checkpoints\/step-\d+\.safetensors$/u);

try {
  say('starting Temporal, S3 server, broker, and one control, two media and one training container');
  await containers.up(['control', 'media', 'trainer', 'kafka'], 'one', ['--scale', 'media=2']);
  const undisturbed = await storeOf('undisturbed');
  say(await containers.command('run', '/configs/undisturbed.yaml'));
  const expected = await outcomeOf(undisturbed);
  say(`undisturbed: ${String(expected.size)} shards, checkpoints and weights`);

  const struck = await storeOf('struck');
  const running = containers.command('run', '/configs/struck.yaml');
  await until('a shard', async () => (await paths(struck, 'datasets', /\.arrow$/u)).length > 0);
  say(`killing ${await containers.kill('media')}, which extracts`);
  await containers.start('media');

  await until('a checkpoint', async () => (await checkpointsOf(struck)).length > 0);
  const before = await checkpointsOf(struck);
  say('rolling all workers to the next image while the model is trained');
  for (const service of ['control', 'media', 'trainer']) {
    await containers.up([service], 'two', [
      '--no-deps',
      ...(service === 'media' ? ['--scale', 'media=2'] : []),
    ]);
    say(`  ${service}: ${(await containers.imagesOf(service)).join(', ')}`);
  }
  await until('another checkpoint', async () =>
    (await checkpointsOf(struck)).some((path) => !before.includes(path)),
  );
  say(`killing ${await containers.kill('trainer')}, which trains`);
  await containers.start('trainer');
  say(await running);
  expectOutcome(await outcomeOf(struck), expected);
  say(`the same ${String(expected.size)} files, to the byte, and none besides`);

  const stream = await storeOf('stream', { name: 'stream', stream: { sink: { flushS: 1, flushRows: 20 } } });
  await containers.up(['ingest', 'sink'], 'two', ['--no-deps']);
  say(await containers.command('stream', 'send', '/clips', '--config', '/configs/stream.yaml'));
  await until(
    'a shard of the stream',
    async () => (await paths(stream, 'datasets', /\/stream\/.*\.arrow$/u)).length > 0,
  );
  say(`killing ${await containers.kill('ingest')}, which extracts what arrives`);
  await containers.start('ingest');
  const total = 2 * CLIPS_PER_CLASS;
  let status = '';
  await until('all clips in shards, once', async () => {
    status = await containers.command('stream', 'status', '--config', '/configs/stream.yaml');
    return status.includes(`${String(total)} clips in`);
  });
  say(status);
} catch (error) {
  process.exitCode = 1;
  say(error instanceof Error ? error.message : String(error));
  process.stdout.write(await containers.logs());
} finally {
  if (process.argv.includes('--keep')) say('kept');
  else {
    await containers.down();
    await rm(work, { recursive: true, force: true });
    await rm(clips, { recursive: true, force: true });
  }
  say(process.exitCode === 1 ? 'FAILED' : 'done');
}
