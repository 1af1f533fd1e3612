/**
 * What workflows and activities are told of the trust in what they are given. Whoever starts, signals or schedules adds a
 * seal, the last argument, that says what the arguments are for; it is signed with them. What is not signed
 * as it should be arrives as a refusal, in place of the arguments.
 */

/** Metadata of a payload, set by who decodes it and by nobody else: `signed` or `refused`. */
export const TRUST_METADATA = 'modalmix-trust';

export interface Seal {
  /** See `purposes`. */
  readonly 'modalmix:for': string;
  /** The words of its failures are encrypted, as its payloads are. */
  readonly secret?: true;
}

/** What arguments can be for. */
export const purposes = {
  workflow: (type: string) => `workflow ${type}`,
  signal: (name: string) => `signal ${name}`,
  activity: (type: string) => `activity ${type}`,
} as const;

export interface Refusal {
  readonly 'modalmix:refused': RefusalReason;
  /** Milliseconds since 1970: what was begun before was begun unsigned, by an earlier version. */
  readonly since?: number;
  /** What was refused. */
  readonly values: readonly unknown[];
}

export type RefusalReason = 'unsigned' | 'forged' | 'unreadable';

const SENTENCES: Readonly<Record<RefusalReason, string>> = {
  unsigned: 'it is not signed: it was not asked for by a command that has the key of these workers',
  forged:
    'its signature is wrong: it was made with another key, or for something else than it is used for here',
  unreadable: 'it cannot be read: it was encrypted with another key, or for something else',
};

export const REFUSAL_FIX =
  'Start it again with the command "modalmix" where the key is: it goes on from what is in the store (docs/access.md).';

export function refusalSentence(reason: RefusalReason): string {
  return `refused, and nothing was read: ${SENTENCES[reason]}`;
}

/** @returns the arguments with their seal */
export function sealed(args: readonly unknown[], seal: Seal): unknown[] {
  return [...args, seal];
}

export function isSeal(value: unknown): value is Seal {
  return typeof value === 'object' && value !== null && 'modalmix:for' in value;
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'modalmix:refused' in value;
}

export type Opened =
  | { readonly args: unknown[]; readonly seal: Seal | undefined; readonly old: boolean }
  | { readonly refused: RefusalReason };

/**
 * @param args as they were decoded
 * @param purpose what they are used for
 * @param beganAtMs when the server says that it was asked for, milliseconds since 1970
 * @param mustBeSealed whether all that is asked for is signed
 */
export function openArguments(
  args: readonly unknown[],
  purpose: string,
  beganAtMs: number,
  mustBeSealed: boolean,
): Opened {
  const [first] = args;
  if (isRefusal(first)) {
    return wasBegunBefore(first, beganAtMs)
      ? { args: [...first.values], seal: undefined, old: true }
      : { refused: first['modalmix:refused'] };
  }
  const last = args.at(-1);
  if (!isSeal(last)) {
    return mustBeSealed ? { refused: 'unsigned' } : { args: [...args], seal: undefined, old: false };
  }
  if (last['modalmix:for'] !== purpose) return { refused: 'forged' };
  return { args: args.slice(0, -1), seal: last, old: false };
}

/** Whether an earlier version, which signed nothing, began it. */
export function wasBegunBefore({ 'modalmix:refused': reason, since }: Refusal, beganAtMs: number): boolean {
  return reason === 'unsigned' && since !== undefined && beganAtMs < since;
}

/** @returns a result as it is, or undefined where it is not to be believed */
export function believed<T>(value: T, beganAtMs: number): T | undefined {
  if (!isRefusal(value)) return value;
  return wasBegunBefore(value, beganAtMs) ? (value.values[0] as T) : undefined;
}
