/** ffmpeg and ffprobe, with the filters and encoders that are needed. */
import { execa } from 'execa';
import { ffmpegPath, ffprobePath } from '../../../pipelines/process/ffmpeg-path.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { aptCommand, aptInstall, aptPlan } from '../programs.ts';
import { remember } from '../remember.ts';
import type { Finding, SetupContext, SetupStep } from '../step.ts';

const NEEDED = {
  filters: ['flite', 'drawtext', 'select', 'scale', 'aresample'],
  encoders: ['libx264', 'aac'],
} as const;
const PACKAGES = ['ffmpeg'];

export const ffmpegStep: SetupStep = {
  name: 'ffmpeg',
  purpose: "reading clips, making the demo's",
  check,
  perform: async (context: SetupContext) => {
    await aptInstall(PACKAGES, context);
    const finding = await check();
    if (finding.inPlace) return;
    throw new ModalmixError('dependency', finding.problem, { where: 'ffmpeg', fix: finding.fix });
  },
};

async function check(): Promise<Finding> {
  let ffmpeg: string;
  try {
    ffmpeg = ffmpegPath();
    ffprobePath();
  } catch (error) {
    if (!(error instanceof ModalmixError)) throw error;
    return {
      inPlace: false,
      problem: error.message,
      fix: error.fix ?? aptCommand(PACKAGES),
      plan: aptPlan(PACKAGES),
    };
  }
  let lacking = '';
  const version = await remember(ffmpeg, JSON.stringify(NEEDED), async () => {
    lacking = (await missingFrom(ffmpeg)).join(', ');
    return lacking === '' ? await askVersion(ffmpeg) : undefined;
  });
  if (version !== undefined) return { inPlace: true, version, origin: ffmpeg };
  return {
    inPlace: false,
    problem: `${ffmpeg} lacks ${lacking}`,
    fix: `Install a full build of ffmpeg (${aptCommand(PACKAGES)}), or set FFMPEG_PATH to one.`,
    plan: aptPlan(PACKAGES),
  };
}

async function missingFrom(ffmpeg: string): Promise<string[]> {
  const kinds = Object.keys(NEEDED) as (keyof typeof NEEDED)[];
  const lists = await Promise.all(kinds.map(async (kind) => await list(ffmpeg, `-${kind}`)));
  return kinds.flatMap((kind, place) => {
    const there = new Set((lists[place] ?? '').split(/\s+/));
    return NEEDED[kind].filter((name) => !there.has(name)).map((name) => `${kind.slice(0, -1)} ${name}`);
  });
}

async function askVersion(ffmpeg: string): Promise<string> {
  return /version (\S+)/.exec(await list(ffmpeg, '-version'))?.[1] ?? 'unknown';
}

async function list(ffmpeg: string, what: string): Promise<string> {
  const { stdout } = await execa(ffmpeg, ['-hide_banner', what], { reject: false, stdin: 'ignore' });
  return stdout;
}
