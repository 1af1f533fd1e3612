/** Chooses the engine that extracts: FFmpeg inside long-lived child processes, or the ffmpeg program. */
import { ModalmixError } from '../../schemas/errors.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import type { Extractor } from './extractor.ts';
import { withFeatures } from './features/with-features.ts';
import { createFfmpegExtractor } from './ffmpeg/extractor.ts';
import { createNodeAvExtractor } from './node-av/pool.ts';

const ENGINES = ['auto', 'node-av', 'ffmpeg'] as const;
type Engine = (typeof ENGINES)[number];

/** Told a sentence for a person when the slower engine takes the other's place. */
export type Warn = (text: string) => unknown;

/**
 * By the environment: `MODALMIX_EXTRACTOR` is `auto` (the default: node-av where its library works, else ffmpeg),
 * `node-av`, or `ffmpeg`. Both engines pick the same frames, byte for byte; their versions differ, because decoded
 * sound differs in its last bits.
 *
 * @param version `Extractor.version` that a dataset or a plan names: its engine is taken where the environment names
 *   none; the answer's version may still be another, which the caller compares
 * @throws ModalmixError `dependency` when the engine cannot work here, `config` when there is none of that name
 */
export async function createExtractor(warn: Warn, version?: string): Promise<Extractor> {
  return withFeatures(await createEngine(engineOf(version), warn));
}

/** `createExtractor` for a process that lives on: each engine is made when it is first needed, and kept. */
export function extractorSource(warn: Warn): (version?: string) => Promise<Extractor> {
  const made = new Map<Engine, Promise<Extractor>>();
  return async (version) => {
    const engine = engineOf(version);
    const kept = made.get(engine);
    if (kept !== undefined) return await kept;
    const making = createEngine(engine, warn).then(withFeatures);
    made.set(engine, making);
    try {
      return await making;
    } catch (error) {
      made.delete(engine);
      throw error;
    }
  };
}

function engineOf(version: string | undefined): Engine {
  const named = process.env[ENVIRONMENT.extractor] ?? '';
  if (named === '' || named === 'auto') return version?.startsWith('ffmpeg-') === true ? 'ffmpeg' : 'auto';
  const engine = ENGINES.find((name) => name === named);
  if (engine !== undefined) return engine;
  throw new ModalmixError('config', `"${named}" is no extraction engine`, {
    where: `environment variable ${ENVIRONMENT.extractor}`,
    fix: `Set it to one of ${ENGINES.join(', ')}.`,
  });
}

async function createEngine(engine: Engine, warn: Warn): Promise<Extractor> {
  switch (engine) {
    case 'ffmpeg':
      return await createFfmpegExtractor();
    case 'node-av':
      return await createNodeAvExtractor();
    case 'auto':
      try {
        return await createNodeAvExtractor();
      } catch (error) {
        if (!(error instanceof ModalmixError) || error.kind !== 'dependency') throw error;
        const extractor = await createFfmpegExtractor();
        warn(
          `the fast extraction engine, node-av, cannot work on this machine (${error.message}): clips are extracted by ` +
            'the ffmpeg program, several times slower, and what node-av extracted is not used again. ' +
            `${ENVIRONMENT.extractor}=ffmpeg says that this is wanted.`,
        );
        return extractor;
      }
  }
}
