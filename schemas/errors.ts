/**
 * Errors as part of the API: each has a kind, which decides the CLI's exit code, whether an activity is
 * retried, and (for clips) whether the clip is quarantined.
 */
import { oneLine, printable } from './printable.ts';

export const ERROR_KINDS = [
  /** The config is wrong: a field, a path, an unknown class, an empty split. Never retried. */
  'config',
  /** The data is wrong: a clip, a shard, a checkpoint that does not hold what it should. Never retried. */
  'input',
  /** A program or native part that is needed is not there. Never retried. */
  'dependency',
  /** The outside world failed in a way that may pass: network, disk full, a killed child. Retried. */
  'transient',
  /** Somebody asked for it to stop. */
  'cancelled',
  /** A broken invariant of ours. Never retried. */
  'internal',
] as const;

export type ErrorKind = (typeof ERROR_KINDS)[number];

export interface ErrorFacts {
  /** File, field, clip or offset the error is about. */
  readonly where?: string;
  /** What to do about it, as a sentence. */
  readonly fix?: string;
  readonly cause?: unknown;
}

/** What was wrong, where, and what to do: the one error class that crosses folder borders. */
export class ModalmixError extends Error {
  override readonly name = 'ModalmixError';
  readonly kind: ErrorKind;
  readonly where: string | undefined;
  readonly fix: string | undefined;

  constructor(kind: ErrorKind, message: string, facts: ErrorFacts = {}) {
    super(
      atMost(message, MOST_CHARACTERS.message),
      facts.cause === undefined ? undefined : { cause: facts.cause },
    );
    this.kind = kind;
    this.where = facts.where === undefined ? undefined : atMost(facts.where, MOST_CHARACTERS.other);
    this.fix = facts.fix === undefined ? undefined : atMost(facts.fix, MOST_CHARACTERS.other);
  }
}

/** Messages quote what they are about, and that may be a megabyte: a screen, a log and a history hold no such thing. */
const MOST_CHARACTERS = { message: 8_000, other: 2_000 } as const;

function atMost(text: string, characters: number): string {
  if (text.length <= characters) return text;
  return `${text.slice(0, characters)}… (${String(text.length - characters)} characters more)`;
}

/** Kinds for which the same call may succeed later. */
export function isRetryable(kind: ErrorKind): boolean {
  return kind === 'transient';
}

/** Exit codes of the command `modalmix`; the last as a shell counts a program that SIGPIPE ended. */
export const EXIT_CODES = { ok: 0, failed: 1, badInput: 2, interrupted: 130, outputClosed: 141 } as const;

export function exitCodeOf(kind: ErrorKind): number {
  switch (kind) {
    case 'config':
    case 'input':
      return EXIT_CODES.badInput;
    case 'cancelled':
      return EXIT_CODES.interrupted;
    default:
      return EXIT_CODES.failed;
  }
}

/** One paragraph for a person: message, where, fix; printable, and only its first line begins at the margin. */
export function describeError(error: unknown): string {
  if (error instanceof ModalmixError) {
    const message = indented(error.message);
    const { where, fix } = error;
    return [
      where === undefined ? message : `${oneLine(where)}: ${message}`,
      ...(fix === undefined ? [] : [indented(fix)]),
    ].join('\n  → ');
  }
  return indented(error instanceof Error ? error.message : String(error));
}

function indented(text: string): string {
  return printable(text).replace(/\n(?=\S)/gu, '\n  ');
}
