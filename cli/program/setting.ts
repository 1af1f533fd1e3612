/** `--set`, of every command that takes a run's config, and `--dry-run`. */
import { Option } from 'commander';

/** May be given more than once; the later one counts. */
export function setting(): Option {
  return new Option(
    '--set <field=value>',
    "in place of the config's value, e.g. training.epochs=3; may be given again",
  ).argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]);
}

/** Of commands that build or train. */
export function dryRunning(): Option {
  return new Option(
    '--dry-run',
    'say what is found, what would be built and trained, and about how long; start and write nothing',
  ).conflicts('detach');
}
