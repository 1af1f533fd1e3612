/** `--set`, of every command that takes a run's config. */
import { Option } from 'commander';

/** May be given more than once; the later one counts. */
export function setting(): Option {
  return new Option(
    '--set <field=value>',
    "in place of the config's value, e.g. training.epochs=3; may be given again",
  ).argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]);
}
