/** Completion by the shell: a script, made of the program's own commands and options, that starts nothing when it completes. */
import type { Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

interface Word {
  readonly word: string;
  readonly description: string;
}

interface CompletedOption extends Word {
  /** `-c`; the word is the long one. */
  readonly short: string | undefined;
  readonly takesValue: boolean;
  /** Empty: anything, and files are offered. */
  readonly values: readonly string[];
}

/** A command, and what may follow it. */
interface Place {
  /** Its words, each after a space: ` stream send`; empty: the program. */
  readonly path: string;
  readonly commands: readonly Word[];
  readonly options: readonly CompletedOption[];
  /** Of its argument, where there are only these. */
  readonly values: readonly string[];
}

/**
 * @returns for `source <(…)`, or for the folder in which the shell looks for completions; where no word fits it completes
 *   files
 */
export function completionScript(program: Command, shell: Shell): string {
  const places = placesOf(program, '');
  const name = program.name();
  if (shell === 'fish') return fishScript(name, places);
  return shell === 'zsh' ? zshScript(name, places) : bashScript(name, places);
}

function placesOf(command: Command, path: string): Place[] {
  const help = command.createHelp();
  const below = help.visibleCommands(command);
  const commands = below.map((one) => ({ word: one.name(), description: one.description() }));
  const options = [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)];
  const values = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  // "help" takes the names of the commands beside it.
  const asked = { commands: [], options: [], values: commands.map(({ word }) => word) };
  return [
    { path, commands, options: options.map(completedOption), values },
    ...below.flatMap((one) =>
      one.name() === 'help' ? [{ ...asked, path: `${path} help` }] : placesOf(one, `${path} ${one.name()}`),
    ),
  ];
}

function completedOption({
  short,
  long,
  description,
  required,
  optional,
  argChoices,
}: Option): CompletedOption {
  return {
    ...{ word: long ?? short ?? '', short, description },
    takesValue: required || optional,
    values: argChoices ?? [],
  };
}

function bashScript(name: string, places: readonly Place[]): string {
  return `# Made by "${name} completion bash".
_${name}() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD - 1]}" place='' at words=''
  # Readline takes "--engine=cpu" for three words.
  if [[ $word == '=' ]]; then
    word=''
  elif [[ $before == '=' ]]; then
    before="\${COMP_WORDS[COMP_CWORD - 2]}"
  fi
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "$place \${COMP_WORDS[at]}" in
      ${anyOf(pathsOf(places))}) place+=" \${COMP_WORDS[at]}" ;;
    esac
  done
  COMPREPLY=()
  case "$place $before" in
${valueCases(places, (values) => `words=${quoted(values.join(' '))}`)}
    *)
      case "$place:\${word:0:1}" in
${wordCases(places, (words) => `words=${quoted(words.map(({ word }) => word).join(' '))}`)}
      esac
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o bashdefault -o default -F _${name} ${name}
`;
}

function zshScript(name: string, places: readonly Place[]): string {
  const described = (words: readonly Word[]) =>
    words.map(({ word, description }) => quoted(`${word.replaceAll(':', '\\:')}:${description}`)).join(' ');
  return `#compdef ${name}
# Made by "${name} completion zsh".
_${name}() {
  local place='' at before=$words[CURRENT-1]
  local -a found
  for ((at = 2; at < CURRENT; at++)); do
    case "$place $words[at]" in
      ${anyOf(pathsOf(places))}) place+=" $words[at]" ;;
    esac
  done
  # "--engine=cpu" is one word.
  if [[ $PREFIX == --*=* ]]; then
    before=\${PREFIX%%=*}
    compset -P '*='
  fi
  case "$place $before" in
${valueCases(places, (values) => `found=(${values.map(quoted).join(' ')})`)}
    *)
      case "$place:\${PREFIX[1]}" in
${wordCases(places, (words) => `found=(${described(words)})`)}
      esac
      ;;
  esac
  if (($#found)); then _describe 'what may follow' found; else _files; fi
}
if [[ $funcstack[1] == _${name} ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}

function fishScript(name: string, places: readonly Place[]): string {
  const lines = places.flatMap(({ path, commands, options, values }) => {
    const here = `complete -c ${name} -n ${fishQuoted(`__${name}_at ${fishQuoted(path)}`)}`;
    const words = [...commands, ...values.map((word) => ({ word, description: '' }))];
    return [
      ...(words.length === 0 ? [] : [`${here} -f`]),
      ...words.map(({ word, description }) => `${here} -a ${fishQuoted(word)} -d ${fishQuoted(description)}`),
      ...options.map(({ word, short, description, takesValue, values: of }) =>
        [
          `${here} -l ${word.replace(/^--/u, '')}`,
          ...(short === undefined ? [] : [`-s ${short.replace(/^-/u, '')}`]),
          ...(of.length > 0 ? [`-x -a ${fishQuoted(of.join(' '))}`] : takesValue ? ['-r -F'] : []),
          `-d ${fishQuoted(description)}`,
        ].join(' '),
      ),
    ];
  });
  return `# Made by "${name} completion fish".
function __${name}_at
    set -l place ''
    set -l words (commandline -opc)
    for word in $words[2..]
        switch "$place $word"
            case ${pathsOf(places).map(fishQuoted).join(' ')}
                set place "$place $word"
        end
    end
    test "$place" = "$argv[1]"
end
${lines.join('\n')}
`;
}

function pathsOf(places: readonly Place[]): string[] {
  return places.flatMap(({ path }) => (path === '' ? [] : [path]));
}

/** After an option that takes a value: those there are; files where they may be any. */
function valueCases(places: readonly Place[], assign: (values: readonly string[]) => string): string {
  return places
    .flatMap(({ path, options }) =>
      options
        .filter(({ takesValue }) => takesValue)
        .map(({ word, short, values }) => {
          const patterns = [word, ...(short === undefined ? [] : [short])].map((one) => `${path} ${one}`);
          return `    ${anyOf(patterns)}) ${values.length === 0 ? ':' : assign(values)} ;;`;
        }),
    )
    .join('\n');
}

/** Of a place: its options for a word that begins with a dash; else its commands, or the values of its argument. */
function wordCases(places: readonly Place[], assign: (words: readonly Word[]) => string): string {
  return places
    .flatMap(({ path, commands, options, values }) => {
      const words = [...commands, ...values.map((word) => ({ word, description: '' }))];
      return [
        `        ${quoted(`${path}:-`)}) ${options.length === 0 ? ':' : assign(options)} ;;`,
        ...(words.length === 0 ? [] : [`        ${quoted(`${path}:`)}*) ${assign(words)} ;;`]),
      ];
    })
    .join('\n');
}

function anyOf(patterns: readonly string[]): string {
  return patterns.map(quoted).join(' | ');
}

/** For bash and zsh. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`;
}
