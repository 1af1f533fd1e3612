/** The files that a request means: uploads, which lie in a folder of its own until it is answered, or files of this machine. */
import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { ZodError } from 'zod';
import { featureFile } from '../../pipelines/datasets/media-files.ts';
import { EventRejected, authoriseFile } from '../../pipelines/streaming/ingest/authorise-clip.ts';
import { oneLine } from '../../schemas/printable.ts';
import { predictRequestSchema, type ServingLimits } from '../../schemas/serving.ts';
import { boundaryOf, readMultipart } from './multipart.ts';
import { Refused } from './refused.ts';

export type RequestedClip = {
  /** As it is told in the answer. */
  readonly name: string;
} & ({ readonly path: string } | { readonly problem: { readonly code: string; readonly reason: string } });

export interface RequestedClips {
  readonly clips: readonly RequestedClip[];
  /** Deletes uploads. */
  readonly release: () => Promise<void>;
}

export interface ClipSource {
  /** For uploads. */
  readonly scratch: string;
  /** Real, absolute. */
  readonly roots: readonly string[];
  readonly limits: ServingLimits;
}

const LONGEST_NAME = 200;
const MOST_JSON_BYTES = 2 ** 20;

/** @throws Refused for a body that is none of both, or above a limit; what was stored of it is gone */
export async function requestedClips(
  contentType: string,
  body: AsyncIterable<Uint8Array>,
  source: ClipSource,
): Promise<RequestedClips> {
  if (/^application\/json\s*(?:;|$)/iu.test(contentType)) return await named(body, source);
  return await uploaded(body, boundaryOf(contentType), source);
}

async function uploaded(
  body: AsyncIterable<Uint8Array>,
  boundary: string,
  { scratch, limits }: ClipSource,
): Promise<RequestedClips> {
  const folder = await mkdtemp(join(scratch, 'request-'));
  const release = async () => {
    await rm(folder, { recursive: true, force: true });
  };
  const clips: RequestedClip[] = [];
  let written: FileHandle | undefined;
  try {
    const bounds = { parts: limits.clipsPerRequest, bytes: limits.bodyBytes };
    await readMultipart(body, boundary, bounds, async (fileName) => {
      const name = oneLine(fileName).slice(0, LONGEST_NAME);
      const path = join(folder, `clip-${String(clips.length)}${endingOf(fileName)}`);
      let bytes = 0;
      const file = await open(path, 'wx', 0o600);
      written = file;
      return {
        write: async (piece) => {
          bytes += piece.length;
          // All of it, as `write` need not.
          await file.appendFile(piece);
        },
        end: async () => {
          written = undefined;
          await file.close();
          const problem = { code: 'empty', reason: 'the file is empty' };
          clips.push({ name, ...(bytes === 0 ? { problem } : { path }) });
        },
      };
    });
  } catch (error) {
    // A file that is open keeps its place on the disk when it is deleted.
    await written?.close().catch(() => undefined);
    await release();
    throw error;
  }
  if (clips.length === 0) {
    await release();
    throw new Refused(400, 'no-clips', 'the body has no file in it');
  }
  return { clips, release };
}

/** What says how a file is read, and nothing else of its name. */
function endingOf(fileName: string): string {
  const features = featureFile(`/${fileName.replaceAll(/[^\w.-]/gu, '_')}`);
  if (features !== undefined) return `.${features.name}.npy`;
  return /\.[a-z0-9]{1,5}$/iu.exec(fileName)?.[0].toLowerCase() ?? '';
}

async function named(
  body: AsyncIterable<Uint8Array>,
  { roots, limits }: ClipSource,
): Promise<RequestedClips> {
  const { clips } = parseRequest(await textOf(body, Math.min(limits.bodyBytes, MOST_JSON_BYTES)));
  if (clips.length > limits.clipsPerRequest) {
    throw new Refused(413, 'too-many-clips', `at most ${String(limits.clipsPerRequest)} clips in a request`);
  }
  const found = clips.map(async ({ uri }): Promise<RequestedClip> => {
    try {
      return { name: uri, path: await authoriseFile(uri, { roots, maxBytes: limits.clipBytes }) };
    } catch (error) {
      if (!(error instanceof EventRejected)) throw error;
      return { name: uri, problem: { code: error.code, reason: error.message } };
    }
  });
  return { clips: await Promise.all(found), release: async () => undefined };
}

function parseRequest(text: string) {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new Refused(400, 'json', 'the body is not JSON');
  }
  const parsed = predictRequestSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new Refused(400, 'json', firstProblem(parsed.error));
}

function firstProblem({ issues: [issue] }: ZodError): string {
  const where = (issue?.path ?? []).map(String).join('.');
  return oneLine(`${where === '' ? 'the body' : where}: ${issue?.message ?? 'not as in /openapi.json'}`);
}

async function textOf(body: AsyncIterable<Uint8Array>, mostBytes: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > mostBytes) throw new Refused(413, 'too-large', `at most ${String(mostBytes)} bytes of JSON`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}
