/** The commands for the machine that Modalmix is on: `setup`, `doctor`, `worker`, `completion`, `uninstall`. */
import { Argument, Option, type Command } from 'commander';
import { ENGINES } from '../../schemas/config/engine.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { UninstallFlags } from '../commands/uninstall.ts';
import { withExamples, type AddCommand, type CommonFlags } from './command.ts';
import { completionScript, SHELLS, type Shell } from './completion.ts';

interface WorkerFlags extends CommonFlags {
  readonly queues: string;
  readonly slots?: string;
  readonly metrics?: string;
  readonly readyFile?: string;
}

/**
 * Adds `setup|doctor|worker|completion|uninstall`.
 *
 * @param program what is completed
 */
export function machineCommands(add: AddCommand, program: Command): void {
  const setup = add('setup', 'put in place what is missing', () => {
    // Done before anything is loaded, by `cli/modalmix.mjs`, where it is the first word.
    return Promise.reject(
      new ModalmixError('config', '"setup" has to be the first word', { fix: 'Run "modalmix setup".' }),
    );
  });
  setup
    .addOption(
      new Option('--for <what>', 'what is to work')
        .choices(['run', 'stream', 'bench', 'test'])
        .default('run'),
    )
    .addOption(
      new Option(
        '--engine <name>',
        'what is to train (default: what MODALMIX_ENGINE says, else auto)',
      ).choices(ENGINES),
    )
    .option('--gpu-elsewhere', 'the GPU that is built for need not be in this machine')
    .option('--system-packages', 'apt-get as root where wheels and npm packages would do, too');
  withExamples(setup, 'modalmix setup', 'modalmix setup --for=stream --engine=gpu');

  const doctor = add(
    'doctor',
    'what is installed, what is missing, what mends it',
    async (_args, flags: CommonFlags) => {
      const { doctor } = await import('../doctor/doctor.ts');
      return await doctor({ json: flags.json === true });
    },
  );
  withExamples(doctor, 'modalmix doctor', 'modalmix doctor --json');

  const worker = add(
    'worker',
    'work for runs until stopped, in the foreground',
    async (_args, flags: WorkerFlags) => {
      const { work } = await import('../commands/worker.ts');
      await work(flags);
      return undefined;
    },
  )
    .option('--queues <names>', 'of media, training, control', 'media,training,control')
    .option('--slots <counts>', 'work at a time, e.g. media=2,training=1; else by the machine')
    .option('--metrics <host:port>', 'where Prometheus may read metrics')
    .option('--ready-file <path>', 'a file that is there while the worker takes work, for a readiness probe');
  withExamples(
    worker,
    'modalmix worker',
    'TEMPORAL_ADDRESS=temporal.example:7233 modalmix worker --queues media --slots media=8',
  );

  const completion = add('completion', 'completion of commands and options by the shell', ([shell]) => {
    process.stdout.write(completionScript(program, shell as Shell));
    return Promise.resolve(undefined);
  }).addArgument(new Argument('<shell>').choices(SHELLS));
  withExamples(
    completion,
    'source <(modalmix completion bash)  # also as a line of ~/.bashrc',
    'source <(modalmix completion zsh)  # of ~/.zshrc, after compinit',
    'modalmix completion fish > ~/.config/fish/completions/modalmix.fish',
  );

  const uninstall = add(
    'uninstall',
    'remove what set-up has fetched and made; it asks first, and leaves runs and models alone',
    async (_args, flags: UninstallFlags) => {
      const { uninstall } = await import('../commands/uninstall.ts');
      await uninstall(flags);
      return undefined;
    },
  ).option('--yes', 'without asking');
  withExamples(uninstall, 'modalmix uninstall', 'modalmix uninstall --yes --json');
}
