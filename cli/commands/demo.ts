/** `modalmix demo`: the main job on the embedded data. */
import { embeddedConfig } from '../../runs/embedded-config.ts';
import type { FollowFlags } from '../../runs/run-workflows.ts';
import type { Screen } from '../../runs/screen.ts';
import { run } from './run.ts';

export async function demo(flags: FollowFlags, screen: Screen): Promise<void> {
  screen.say(
    'Spoken and drawn digits, made here: real clips, small models. Takes some minutes on two cores.\n',
  );
  await run(await embeddedConfig('demo', screen), flags, screen);
}
