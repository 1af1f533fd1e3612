/** Chooses the engine that extracts: the ffmpeg program, or FFmpeg inside long-lived child processes. */
import { ModalmixError } from '../../schemas/errors.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import type { Extractor } from './extractor.ts';
import { createFfmpegExtractor } from './ffmpeg-extractor.ts';
import { createNodeAvExtractor } from './node-av-pool.ts';

const ENGINES = ['auto', 'node-av', 'ffmpeg'] as const;

/**
 * By the environment: `MODALMIX_EXTRACTOR` is `ffmpeg` (the default), `node-av`, or `auto` (node-av where
 * its library works). Both engines pick the same
 * frames, byte for byte; their versions differ, because decoded sound differs in its last bits.
 *
 * @throws ModalmixError `dependency` when the engine cannot work here, `config` when there is none of that name
 */
export async function createExtractor(): Promise<Extractor> {
  return await createNamed(process.env[ENVIRONMENT.extractor] ?? '');
}

/**
 * The engine that a dataset was extracted with, unless the environment names one.
 *
 * @param version `Extractor.version` of the dataset's; this machine's may still be another
 * @throws ModalmixError as `createExtractor`
 */
export async function createExtractorLike(version: string): Promise<Extractor> {
  const named = process.env[ENVIRONMENT.extractor] ?? '';
  return await createNamed(
    named === '' ? (ENGINES.find((engine) => version.startsWith(`${engine}-`)) ?? '') : named,
  );
}

async function createNamed(named: string): Promise<Extractor> {
  const engine = named === '' ? 'ffmpeg' : ENGINES.find((name) => name === named);
  switch (engine) {
    case undefined:
      throw new ModalmixError('config', `"${named}" is no extraction engine`, {
        where: `environment variable ${ENVIRONMENT.extractor}`,
        fix: `Set it to one of ${ENGINES.join(', ')}.`,
      });
    case 'ffmpeg':
      return await createFfmpegExtractor();
    case 'node-av':
      return await createNodeAvExtractor();
    case 'auto':
      try {
        return await createNodeAvExtractor();
      } catch (error) {
        if (error instanceof ModalmixError && error.kind === 'dependency')
          return await createFfmpegExtractor();
        throw error;
      }
  }
}
