/** The thread that sends checkpoints: see `CheckpointSender`. Loads no TensorFlow. */
import { parentPort } from 'node:worker_threads';
import type { Numbered } from '../../process/asked-thread.ts';
import { failureOf } from '../../process/failure.ts';
import { openStore } from '../../store/open-store.ts';
import { dropOldCheckpoints, sendFile } from './checkpoint-files.ts';
import type { SendAnswer, SendRequest } from './checkpoint-thread-protocol.ts';

async function answer({ storeUri, trainingId, paths, file, keepLast }: SendRequest): Promise<SendAnswer> {
  try {
    const store = openStore(storeUri);
    await sendFile(store, paths, file);
    await dropOldCheckpoints(store, trainingId, keepLast);
    return { kind: 'done' };
  } catch (error) {
    return { kind: 'failed', failure: failureOf(error) };
  }
}

parentPort?.on('message', ({ id, body }: Numbered<SendRequest>) => {
  void answer(body).then((answered) => {
    parentPort?.postMessage({ id, body: answered } satisfies Numbered<SendAnswer>);
  });
});
