/**
 * Another user of the machine, who tries to get at what a home's owner has. Where the test runs as root it is a real one
 * (`nobody`); else nobody can become another user: the requests are made all the same, without what the home knows, and of
 * files it is judged by their modes and owners what others could do.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Answers, Tries } from './second-user-main.ts';

const MAIN = fileURLToPath(new URL('./second-user-main.ts', import.meta.url));

export const isRoot = process.getuid?.() === 0;

/** What `nobody` can do with each of them: `no`, or what there was to see. */
export async function trySecondUser(tries: Tries): Promise<Answers> {
  const child = fork(MAIN, {
    execArgv: ['--import', 'tsx'],
    // Nothing of the owner's environment but where programs are.
    env: { PATH: process.env['PATH'] },
    serialization: 'json',
  });
  const exited = once(child, 'exit');
  child.send(tries);
  const [answers] = (await Promise.race([
    once(child, 'message'),
    exited.then(([code]) => {
      throw new Error(`the second user's process ended with ${String(code)}`);
    }),
  ])) as [Answers];
  await exited;
  return answers;
}
