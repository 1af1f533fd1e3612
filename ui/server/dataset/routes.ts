/** What the page asks about datasets: versions, clips, pictures of them, their files, and what models get wrong. */
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Context, Hono } from 'hono';
import { readRunConfig } from '../../../activities/run-config.ts';
import { findRunDataset } from '../../../pipelines/shards/manifest/load-manifest.ts';
import { findStored } from '../../../pipelines/store/stored-json.ts';
import { trainingSpecs } from '../../../pipelines/training/training-spec.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { storePaths } from '../../../schemas/names.ts';
import { evaluationResultSchema } from '../../../schemas/training.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import type { ClipFacts, DatasetLine, Mistake } from '../../wire.ts';
import type { UiContext } from '../context.ts';
import { Kept } from '../kept.ts';
import { notThere, problemText } from '../problems.ts';
import { nameOf } from '../stores.ts';
import { chooseClips, clipLine, clipsQuerySchema, datasetFacts } from './choose-clips.ts';
import { readClips, type Clip, type ClipTable } from './clip-table.ts';
import { datasetFolders, mediaKind, openMedia, parseRange, playableType } from './media.ts';
import { framePng, OpenShards, spectrogramPng, thumbnail } from './pictures.ts';
import { Translations } from './translations.ts';

const BASE = '/api/stores/:store/datasets/:name/:version';
/** A version's clips never change. */
const LASTING = { 'cache-control': 'private, max-age=86400, immutable' };
const FOLDERS_KEPT_MS = 20_000;

export function datasetRoutes(app: Hono, { stores }: UiContext): void {
  const tables = new Kept<ClipTable>(3);
  const folders = new Kept<readonly string[]>(20, FOLDERS_KEPT_MS);
  const translations = new Translations();
  const shards = new OpenShards();

  const opened = async (c: Context) => {
    const store = stores.get(c.req.param('store') ?? '');
    const [name, version] = [nameOf(c.req.param('name')), nameOf(c.req.param('version'))];
    const table = await tables.get(
      `${store.uri}\n${name}\n${version}`,
      async () => await readClips(store, name, version),
    );
    return { store, name, version, table };
  };
  const openedClip = async (c: Context) => {
    const place = await opened(c);
    const clip = place.table.clips[place.table.byId.get(c.req.query('id') ?? '') ?? -1];
    if (clip === undefined) throw notThere('this clip');
    return { ...place, clip };
  };
  const foldersOf = async (store: Store, name: string, version: string) =>
    await folders.get(
      `${store.uri}\n${name}\n${version}`,
      async () => await datasetFolders(store, name, version),
    );

  app.get('/api/stores/:store/datasets', async (c) =>
    c.json(await listDatasets(stores.get(c.req.param('store')))),
  );
  app.get(BASE, async (c) => c.json(datasetFacts((await opened(c)).table)));

  app.get(`${BASE}/clips`, async (c) => {
    const query = clipsQuerySchema.safeParse(c.req.query());
    if (!query.success) throw new ModalmixError('config', 'these clips cannot be asked for');
    return c.json(chooseClips((await opened(c)).table, query.data));
  });

  app.get(`${BASE}/clip`, async (c) => {
    const { store, name, version, table, clip } = await openedClip(c);
    const row = clip.shard === undefined ? {} : await shards.row(store, table, clip);
    const base = `/api/stores/${c.req.param('store')}/datasets/${encodeURIComponent(name)}/${encodeURIComponent(version)}/media?id=${encodeURIComponent(clip.clipId)}`;
    const facts: ClipFacts = {
      ...clipLine(table, clip),
      ...(clip.sha256 === '' ? {} : { sha256: clip.sha256 }),
      ...pick(clip, ['group', 'path', 'audioPath', 'startS', 'endS']),
      frames: row.rgb?.shape[0] ?? 0,
      flowFrames: row.flow?.shape[0] ?? 0,
      hasAudio: row.audio !== undefined,
      twins: (table.copies.get(clip.sha256) ?? [])
        .map((i) => table.clips[i]!.clipId)
        .filter((id) => id !== clip.clipId)
        .slice(0, 50),
      ...(await mediaFacts(clip, await foldersOf(store, name, version), base)),
    };
    return c.json(facts);
  });

  app.get(`${BASE}/picture`, async (c) => {
    const { store, table, clip } = await openedClip(c);
    const row = await shards.row(store, table, clip);
    const kind = c.req.query('kind');
    const { audio, rgb, flow } = row;
    if (kind === 'thumbnail' && rgb !== undefined) return picture(c, await thumbnail(rgb), 'image/jpeg');
    if (kind === 'audio' && audio !== undefined) return picture(c, await spectrogramPng(audio), 'image/png');
    const frames = kind === 'rgb' ? rgb : kind === 'flow' ? flow : undefined;
    if (frames === undefined) throw notThere('this picture');
    return picture(c, await framePng(frames, Number(c.req.query('frame') ?? 0)), 'image/png');
  });

  app.get(`${BASE}/media`, async (c) => {
    const { store, name, version, clip } = await openedClip(c);
    const path = c.req.query('which') === 'audio' ? clip.audioPath : clip.path;
    if (path === undefined) throw notThere('this clip’s file');
    const { file, size, real } = await openMedia(path, await foldersOf(store, name, version));
    const type = c.req.query('as') === 'mp4' ? undefined : playableType(real);
    if (type === undefined) {
      await file.close();
      const bytes = await translations.get(real, clip, c.req.raw.signal);
      return await inPart(c, bytes.length, 'video/mp4', { bytes });
    }
    return await inPart(c, size, type, { file });
  });

  app.get('/api/stores/:store/mistakes/:run', async (c) =>
    c.json(await mistakesOf(stores.get(c.req.param('store')), nameOf(c.req.param('run')))),
  );
}

function picture(c: Context, bytes: Buffer, type: string) {
  return c.body(new Uint8Array(bytes), 200, { 'content-type': type, ...LASTING });
}

/** Whole, or the part that the request names; the file is closed when it is sent. */
async function inPart(
  c: Context,
  size: number,
  type: string,
  source: { readonly file: FileHandle } | { readonly bytes: Buffer },
) {
  const range = parseRange(c.req.header('range'), size);
  const headers = { 'content-type': type, 'accept-ranges': 'bytes' };
  const { start, end } =
    range === undefined || range === 'unsatisfiable' ? { start: 0, end: size - 1 } : range;
  const isEmpty = range === 'unsatisfiable' || size === 0 || c.req.method === 'HEAD';
  if (isEmpty && 'file' in source) await source.file.close();
  if (range === 'unsatisfiable')
    return c.body(null, 416, { ...headers, 'content-range': `bytes */${String(size)}` });
  const length = { 'content-length': String(end - start + 1) };
  const body = isEmpty ? null : partOf(source, start, end);
  if (range === undefined) return new Response(body, { headers: { ...headers, ...length } });
  const place = `bytes ${String(start)}-${String(end)}/${String(size)}`;
  return new Response(body, { status: 206, headers: { ...headers, ...length, 'content-range': place } });
}

function partOf(
  source: { readonly file: FileHandle } | { readonly bytes: Buffer },
  start: number,
  end: number,
) {
  if ('bytes' in source) return new Uint8Array(source.bytes.subarray(start, end + 1));
  return Readable.toWeb(source.file.createReadStream({ start, end })) as ReadableStream;
}

async function mediaFacts(clip: Clip, folders: readonly string[], base: string): Promise<Partial<ClipFacts>> {
  const kind = clip.path === undefined ? undefined : mediaKind(clip.path);
  if (clip.path === undefined || kind === undefined) return {};
  const segment =
    clip.startS === undefined || playableType(clip.path) === undefined
      ? ''
      : `#t=${String(clip.startS)}${clip.endS === undefined ? '' : `,${String(clip.endS)}`}`;
  try {
    await (await openMedia(clip.path, folders)).file.close();
    const isApart = clip.audioPath !== undefined && mediaKind(clip.audioPath) !== undefined;
    return {
      media: { url: `${base}${segment}`, kind },
      ...(isApart ? { separateAudio: `${base}&which=audio` } : {}),
    };
  } catch (error) {
    return { mediaProblem: problemText(error) };
  }
}

/** Newest first. */
async function listDatasets(store: Store): Promise<DatasetLine[]> {
  const paths = (await store.list('datasets')).filter((path) =>
    /^datasets\/[^/]+\/[^/]+\/manifest\.json$/u.test(path),
  );
  const found = paths.map(async (path): Promise<DatasetLine> => {
    const [, name = '', version = ''] = path.split('/');
    const at = (await store.writtenAt(path))?.getTime();
    return { name, version, ...(at === undefined ? {} : { writtenAt: at }) };
  });
  return (await Promise.all(found)).sort((a, b) => (b.writtenAt ?? 0) - (a.writtenAt ?? 0));
}

/** As the run's report shows them. */
async function mistakesOf(store: Store, runId: string): Promise<Mistake[]> {
  const dataset = await findRunDataset(store, runId);
  if (dataset === undefined) return [];
  const specs = trainingSpecs(await readRunConfig(store, runId), dataset);
  const found = specs.map(async ({ trainingId, method, seed }) => {
    const evaluation = await findStored(store, storePaths.evaluation(trainingId), evaluationResultSchema);
    const nameAt = (k: number) => evaluation?.classNames[k] ?? String(k);
    return (evaluation?.misclassified ?? []).map(({ clipId, label, predicted, probability, frame }) => ({
      ...{ trainingId, method, seed, clipId, probability },
      label: nameAt(label),
      predicted: nameAt(predicted),
      ...(frame === undefined ? {} : { frame }),
    }));
  });
  return (await Promise.all(found)).flat();
}

function pick<K extends 'group' | 'path' | 'audioPath' | 'startS' | 'endS'>(
  clip: Clip,
  names: readonly K[],
): Partial<Pick<Clip, K>> {
  return Object.fromEntries(
    names.flatMap((name) => (clip[name] === undefined ? [] : [[name, clip[name]]])),
  ) as Partial<Pick<Clip, K>>;
}
