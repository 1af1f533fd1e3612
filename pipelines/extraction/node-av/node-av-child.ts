/** The child of `node-av-pool.ts`: extracts the clips it is sent, one after the other. */
import { AV_LOG_QUIET } from 'node-av/constants';
import { Log } from 'node-av/lib';
import { ModalmixError } from '../../../schemas/errors.ts';
import { failureOf } from '../../process/failure.ts';
import { extractClip } from '../extract-clip.ts';
import { ClipUnusable } from '../extractor.ts';
import { decodeInProcess } from './decode.ts';
import type { FromExtractor, ToExtractor } from './pool.ts';
import { ROW_FILE, storeClip } from '../row-file.ts';

Log.setLevel(AV_LOG_QUIET);
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole process group; the parent decides when its children end.
process.on('SIGINT', () => undefined);
process.on('message', (message: ToExtractor) => {
  void extract(message).then((answer) => process.send?.(answer));
});
process.send?.({ type: 'ready' } satisfies FromExtractor);

async function extract({ clip, config, hasRowFile }: ToExtractor): Promise<FromExtractor> {
  try {
    const features = await extractClip(async (request) => decodeInProcess(request), clip, config);
    const stored = hasRowFile ? storeClip(ROW_FILE, features) : undefined;
    return stored === undefined ? { type: 'done', features } : { type: 'stored', clip: stored };
  } catch (error) {
    if (error instanceof ClipUnusable) return { type: 'unusable', code: error.code, reason: error.message };
    const failure = failureOf(error);
    const isOurs = error instanceof ModalmixError || !(error instanceof Error);
    return { type: 'failed', ...failure, message: isOurs ? failure.message : (error.stack ?? error.message) };
  }
}
