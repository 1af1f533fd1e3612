import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { createProgram } from '../../../cli/program/create-program.ts';

/** The program, whose commands do nothing but tell that they were called. */
function programThatTells(): { readonly program: Command; readonly called: string[] } {
  const called: string[] = [];
  const program = createProgram((command) => {
    called.push(pathOf(command));
    return Promise.resolve();
  });
  return { program, called };
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

function allOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allOf)];
}

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (words) => (text += words) });
  command.outputHelp();
  return text;
}

/** The commands that a help ends with, without what is said about them. */
function examplesOf(command: Command): string[] {
  const lines = /\nExamples?:\n([^]*)$/u.exec(helpOf(command))?.[1]?.split('\n') ?? [];
  return lines.map((line) => line.replace(/ {2}#.*$/u, '').trim()).filter((line) => line !== '');
}

/** As a shell takes them: quotes hold words together; what stands before the program is its environment. */
function wordsOf(example: string): string[] {
  const words = [...example.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/gu)].map(([word]) =>
    word.replace(/["']/gu, ''),
  );
  return words
    .slice(words.indexOf('modalmix') + 1)
    .filter((word, at, all) => !all.slice(0, at + 1).includes('>'));
}

const { program } = programThatTells();
const commands = allOf(program).map((command) => [pathOf(command), command] as const);

test.each(commands)('the help of %s has examples that its program takes', async (path, command) => {
  const examples = examplesOf(command);
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) {
    // A substitution's parentheses are no part of it.
    const words = wordsOf(example.replace(/^source <\((.*)\)$/u, '$1'));
    if (words.includes('--help')) continue;
    const { program, called } = programThatTells();
    await program.parseAsync(words, { from: 'user' });
    expect(called, example).toHaveLength(1);
    if (command !== program && path !== 'modalmix')
      expect(called[0], example).toMatch(new RegExp(`^${path}`, 'u'));
  }
});

test('the help of the program shows its commands in groups, each where a person would look', () => {
  const help = helpOf(program);
  const groups = help.split(/\n\n/u).flatMap((part) => {
    const [title, ...lines] = part.split('\n');
    const names = lines.flatMap((line) => /^ {2}([a-z]+)/u.exec(line)?.[1] ?? []);
    return title!.endsWith(':') && !/^(Options|Examples)/u.test(title!) ? [[title, names] as const] : [];
  });
  expect(groups).toEqual([
    ['To begin with:', ['demo', 'recipe', 'help']],
    ['From clips to a report:', ['run', 'rebuild', 'train', 'evaluate', 'report']],
    ['Methods and settings compared:', ['experiment', 'search']],
    ['A trained model:', ['predict', 'serve', 'export', 'models']],
    ['Runs under way:', ['status', 'ui', 'pause', 'resume', 'cancel', 'schedule']],
    ['Clips that arrive on Kafka:', ['stream', 'infra']],
    ['What is stored:', ['verify', 'repair', 'gc', 'migrate']],
    ['This machine:', ['setup', 'doctor', 'worker', 'completion', 'uninstall']],
  ]);
});
