/** Starts a child that works until stopped, tells its pid, and waits to be killed. */
import { runInChild } from '../../../pipelines/process/child-process.ts';

await runInChild(new URL('./children/scripted-child.ts', import.meta.url), 'work until stopped', {
  onProgress: (progress) => process.stdout.write(`${JSON.stringify(progress)}\n`),
});
