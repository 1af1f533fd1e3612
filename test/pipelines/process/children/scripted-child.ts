/** A child that does what its input says: for the tests of `runInChild`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { breathe, serveParent } from '../../../../pipelines/process/child-process.ts';
import { ModalmixError } from '../../../../schemas/errors.ts';

serveParent(async (input, { report, stopRequested }) => {
  switch (input) {
    case 'count':
      for (let i = 1; i <= 3; i += 1) report({ done: i });
      return { counted: 3 };
    case 'tell its place':
      return [process.env['CUDA_VISIBLE_DEVICES'], process.env['TF_NUM_INTRAOP_THREADS']];
    case 'fail':
      throw new ModalmixError('input', 'the shard is broken', { where: 'train-0.arrow', fix: 'Rebuild it.' });
    case 'die':
      process.kill(process.pid, 'SIGKILL');
      await sleep(10_000);
      return undefined;
    case 'work until stopped':
      report({ pid: process.pid });
      for (;;) {
        await breathe();
        if (stopRequested()) throw new ModalmixError('cancelled', 'stopped after a checkpoint');
      }
    default:
      return input;
  }
});
