/** `modalmix demo`: the main job on the embedded data. */
import { fileURLToPath } from 'node:url';
import type { FollowFlags } from '../runs/run-workflows.ts';
import type { Screen } from '../screens/screen.ts';
import { run } from './run.ts';

const DEMO_CONFIG = fileURLToPath(new URL('../../configs/demo.yaml', import.meta.url));

export async function demo(flags: FollowFlags, screen: Screen): Promise<void> {
  screen.say(
    'Spoken and drawn digits, made here: real clips, small models. Takes some minutes on two cores.\n',
  );
  await run(DEMO_CONFIG, flags, screen);
}
