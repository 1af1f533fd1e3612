import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa, execaSync } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { completionScript, SHELLS, type Shell } from '../../../cli/program/completion.ts';
import { createProgram } from '../../../cli/program/create-program.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-completion-'));
  const program = createProgram(() => Promise.resolve());
  for (const shell of SHELLS) await writeFile(join(folder, shell), completionScript(program, shell));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** What each shell offers for a line whose last word is begun; bash's words are as readline parts them. */
const offered: Record<Shell, (words: readonly string[]) => Promise<string[]>> = {
  bash: async (words) =>
    await linesOf('bash', [
      '-c',
      'source "$1"; shift; complete -p modalmix > /dev/null; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _modalmix; printf "%s\\n" "${COMPREPLY[@]}"',
      ...['bash', join(folder, 'bash'), ...words],
    ]),
  // Completion itself needs a terminal: what it is told is printed, and chosen from as it would.
  zsh: async (words) =>
    await linesOf('zsh', [
      '-f',
      '-c',
      `compdef() { : }; compset() { PREFIX=\${PREFIX#*=} }; _files() { found=() }
       _describe() { for one in $found; do [[ $one == $PREFIX* ]] && print -- \${one%%:*}; done }
       source $1; shift; words=("$@"); CURRENT=$#; PREFIX=$words[-1]; _modalmix; true`,
      ...['zsh', join(folder, 'zsh'), ...words],
    ]),
  fish: async (words) =>
    (
      await linesOf('fish', [
        '--no-config',
        '-c',
        'source $argv[1]; complete -C (string join " " -- $argv[2..])',
        ...[join(folder, 'fish'), ...words],
      ])
    ).map((line) => line.replace(/\t.*$/u, '').replace(/^--\w+=/u, '')),
};

async function linesOf(program: string, args: readonly string[]): Promise<string[]> {
  const { stdout } = await execa(program, args, { cwd: folder });
  return stdout.split('\n').filter((line) => line !== '');
}

const installed = SHELLS.filter((shell) => execaSync(shell, ['--version'], { reject: false }).exitCode === 0);

describe.each(installed)('%s completes', (shell) => {
  const complete = async (...words: string[]) => (await offered[shell](['modalmix', ...words])).toSorted();

  test('commands, and those below them', async () => {
    expect(await complete('re')).toEqual(['rebuild', 'recipe', 'repair', 'report', 'resume']);
    expect(await complete('stream', 'dead-letter', '')).toEqual(['help', 'list', 'replay']);
    expect(await complete('--json', 'models', 'pro')).toEqual(['promote']);
    expect(await complete('help', 'exp')).toEqual(['experiment', 'export']);
  });

  test('options of the command that the line has', async () => {
    expect(await complete('run', 'clips', '--d')).toEqual(['--detach', '--dry-run']);
    expect(await complete('stream', 'status', '--s')).toEqual(['--set']);
    expect(await complete('status', '--jso')).toEqual(['--json']);
  });

  test('values where there are only some', async () => {
    const formats = ['safetensors', 'savedmodel', 'tfjs'];
    expect(await complete('export', '--format', '')).toEqual(formats);
    expect(await complete('export', '-f', 'sa')).toEqual(formats.slice(0, 2));
    expect(await complete('stream', 'work', '')).toEqual(['all', 'ingest', 'predict', 'sink']);
    const engine = shell === 'bash' ? ['--engine', '=', 'web'] : ['--engine=web'];
    expect(await complete('setup', ...engine)).toEqual(['webgpu']);
  });

  test('files where a word may be any', async () => {
    await writeFile(join(folder, 'clips.yaml'), '');
    // Bash and zsh look for them where nothing else is offered; fish lists them itself.
    const files = shell === 'fish' ? ['clips.yaml'] : [];
    expect(await complete('run', 'cl')).toEqual(files);
    expect(await complete('export', '--config', 'cl')).toEqual(files);
  });
});
