/** The commands for a trained model: `predict`, `serve`, `export`. */
import { Option, type Command } from 'commander';
import type { ExportFlags } from '../commands/export.ts';
import type { PredictFlags } from '../commands/predict.ts';
import type { ServeFlags } from '../commands/serve.ts';
import { EXPORT_FORMATS } from '../../schemas/exported-model.ts';
import { naming, withExamples, type AddCommand } from './command.ts';
import { setting } from './setting.ts';

/** Adds `predict|serve|export`. */
export function usingCommands(add: AddCommand): void {
  const predict = add(
    'predict <clip...>',
    'class probabilities of clips, by the fused model and each branch; clips are files or folders',
    async (targets, flags: PredictFlags, screen) => {
      const { predict } = await import('../commands/predict.ts');
      return await predict(targets.flat(), flags, screen);
    },
  );
  choosingModel(predict).option('--classes', 'every class of each clip, as for a single one');
  withExamples(
    predict,
    'modalmix predict new.mp4  # by the run that ended last',
    'modalmix predict new-clips/ --model emotions --json',
    'modalmix predict a.mp4 b.mp4 --config clips.modalmix.yaml --method b-mm',
  );

  const serve = add(
    'serve',
    'predictions over HTTP, one clip or many; a registered model is followed as it is promoted',
    async (_args, flags: ServeFlags, screen) => {
      const { serve } = await import('../commands/serve.ts');
      await serve(flags, screen);
      return undefined;
    },
  );
  choosingModel(serve)
    .option('--host <address>', 'where to listen; another than the loopback needs a token', '127.0.0.1')
    .option('--port <number>', '0: any free one', '8080')
    .option('--allow-root <folder...>', 'folders whose files may be named by URI (default: none)')
    .option('--allow-host <name...>', 'names that the server is reached by, beside addresses')
    .option('--max-batch <clips>', 'judged together', '32')
    .option('--max-wait-ms <ms>', 'how long a request waits for others', '5')
    .option('--max-queue <clips>', 'that may wait; more are answered 429', '256')
    .option('--max-clips <count>', 'of a request', '64')
    .option('--max-body-mib <MiB>', 'of a request', '256')
    .option('--timeout-s <seconds>', 'of a request', '60');
  withExamples(
    serve,
    'modalmix serve --model emotions',
    'modalmix serve --config clips.modalmix.yaml --allow-root clips --port 9000',
  );

  const exported = add(
    'export [target]',
    'a trained model for other programs; the target is a run, a training or a model[@version]',
    async ([target], flags: ExportFlags, screen) => {
      const { exportCommand } = await import('../commands/export.ts');
      await exportCommand(target, flags, screen);
      return undefined;
    },
  );
  ofRun(exported)
    .addOption(
      naming(new Option('-f, --format <name>', 'of the files'), EXPORT_FORMATS).makeOptionMandatory(),
    )
    .requiredOption('-o, --out <folder>', 'a new folder, or an earlier export, which is replaced');
  withExamples(
    exported,
    'modalmix export emotions --format savedmodel --out models/emotions',
    'modalmix export --config clips.modalmix.yaml --method b-mm --format safetensors --out weights',
  );
}

/** Adds the options by which a command's model is found. */
function choosingModel(command: Command): Command {
  return ofRun(
    command
      .addOption(new Option('-r, --run <id>', 'a run, or one training (default: the run that ended last)'))
      .addOption(
        new Option('-m, --model <name>', "a registered model's current version, or name@version").conflicts(
          'run',
        ),
      ),
  );
}

/** Adds the options for which of a run's trainings is meant, and where it is. */
function ofRun(command: Command): Command {
  return command
    .option('--method <name>', "of the run's methods (default: its first)")
    .option('--seed <number>', "of the run's seeds (default: its first)")
    .addOption(new Option('-s, --store <uri>', 'the store (default: file:.modalmix/store)'))
    .addOption(
      new Option('-c, --config <file>', "or a run's config file: its store and its run").conflicts('store'),
    )
    .addOption(setting());
}
