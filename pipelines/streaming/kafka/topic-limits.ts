/** Whether a topic that somebody made can do what the stream asks of it, by its settings on the broker. */
import { ModalmixError } from '../../../schemas/errors.ts';
import type { TopicSpec } from './clients.ts';
import type { KafkaConnection } from './connection.ts';
import type { TopicSettings } from './topic-settings.ts';

/** `error`: records would be refused or lost. `warning`: it works, but not as the config says. */
export interface LimitProblem {
  readonly level: 'error' | 'warning';
  readonly topic: string;
  readonly setting: string;
  readonly found: string;
  readonly needed: string;
  /** What follows from it. */
  readonly effect: string;
  /** The config's field that says what is needed. */
  readonly field?: string | undefined;
}

/** Of `retention.ms` and `retention.bytes`. */
const UNLIMITED = -1;

/**
 * - `max.message.bytes` below what is sent, `cleanup.policy` with `compact`, `retention.ms` below the config's: errors.
 * - `retention.ms` of a topic that should be kept for ever (dead letters; no field of the config can lower that),
 *   `retention.ms` above the config's, `retention.bytes` that is not unlimited: warnings.
 *
 * @returns none when all is well; a setting that the broker does not tell is not judged
 */
export function checkLimits(spec: TopicSpec, settings: Readonly<Record<string, string>>): LimitProblem[] {
  const problems: LimitProblem[] = [];
  const add = (level: LimitProblem['level'], setting: string, effect: string) => {
    const [found, needed] = [settings[setting] ?? '', spec.config[setting] ?? ''];
    problems.push({ level, topic: spec.topic, setting, found, needed, effect, field: spec.fields[setting] });
  };
  const pair = (setting: string): [found: number, needed: number] | undefined => {
    const [found, needed] = [settings[setting], spec.config[setting]];
    return found === undefined || needed === undefined ? undefined : [Number(found), Number(needed)];
  };
  const [maxBytes, neededBytes] = pair('max.message.bytes') ?? [Infinity, 0];
  if (maxBytes < neededBytes) add('error', 'max.message.bytes', 'the broker refuses longer records');
  if (settings['cleanup.policy']?.split(',').some((policy) => policy.trim() === 'compact') === true) {
    add(
      'error',
      'cleanup.policy',
      "a later record of the same clip deletes the earlier one before it's read",
    );
  }
  const [retention, neededRetention] = pair('retention.ms') ?? [UNLIMITED, UNLIMITED];
  if (neededRetention === UNLIMITED) {
    if (retention !== UNLIMITED) add('warning', 'retention.ms', 'records are deleted, looked at or not');
  } else if (retention !== UNLIMITED && retention < neededRetention) {
    add('error', 'retention.ms', 'records are deleted sooner than the config says, read or not');
  } else if (retention !== neededRetention) {
    add('warning', 'retention.ms', 'records are kept for longer than the config says');
  }
  const [retentionBytes] = pair('retention.bytes') ?? [UNLIMITED];
  if (retentionBytes !== UNLIMITED) {
    add('warning', 'retention.bytes', 'records of a full partition are deleted early, read or not');
  }
  return problems;
}

/**
 * Judges what the brokers told of topics that exist.
 * @param told by topic
 * @param warn is given one text for the topics that cannot be checked and one a warning
 * @throws ModalmixError `config` that names every setting that does not do
 */
export function requireLimits(
  specs: readonly TopicSpec[],
  told: ReadonlyMap<string, TopicSettings>,
  connection: KafkaConnection,
  warn: (text: string) => void,
): void {
  const unchecked = new Map<string, string[]>();
  const problems: LimitProblem[] = [];
  for (const spec of specs) {
    const answer = told.get(spec.topic) ?? { unknown: 'the broker left it out of its answer' };
    if ('settings' in answer) problems.push(...checkLimits(spec, answer.settings));
    else unchecked.set(answer.unknown, [...(unchecked.get(answer.unknown) ?? []), neededText(spec)]);
  }
  for (const [reason, needed] of unchecked) {
    warn(`settings of topics that exist are not checked (${reason}). Needed are ${needed.join('; ')}.`);
  }
  for (const problem of problems) {
    if (problem.level === 'warning') {
      warn(`${problemText(problem)}. To change it: ${mendingCommand([problem], connection)}`);
    }
  }
  const errors = problems.filter(({ level }) => level === 'error');
  if (errors.length === 0) return;
  throw new ModalmixError('config', errors.map(problemText).join('; '), {
    where: [...new Set(errors.map(({ topic }) => topic))].join(', '),
    fix: fixText(errors, connection),
  });
}

function problemText({ topic, setting, found, needed, effect }: LimitProblem): string {
  return `${setting} of ${topic} is ${found}, needed is ${needed}: ${effect}`;
}

function neededText({ topic, config }: TopicSpec): string {
  const settings = Object.entries(config).map(([setting, value]) => `${setting}=${value}`);
  return `${topic}: ${settings.join(', ')}`;
}

function fixText(errors: readonly LimitProblem[], connection: KafkaConnection): string {
  const ofConfig = [...new Set(errors.flatMap(({ field }) => field ?? []))];
  const instead = ofConfig.length === 0 ? '' : `, or change ${ofConfig.join(' and ')} in the config`;
  const topics = [...new Set(errors.map(({ topic }) => topic))];
  const commands = topics.map((topic) =>
    mendingCommand(
      errors.filter((error) => error.topic === topic),
      connection,
    ),
  );
  return `Run what stands below (Kafka's own tool)${instead}, or use another stream.topicPrefix.\n    ${commands.join('\n    ')}`;
}

/** Kafka's own tool's command for settings of one topic. */
function mendingCommand(problems: readonly LimitProblem[], connection: KafkaConnection): string {
  const { brokers, sasl, tls, toolSettings = 'client.properties' } = connection;
  const settings = problems.map(({ setting, needed }) => `${setting}=${needed}`).join(',');
  return [
    `kafka-configs.sh --bootstrap-server ${brokers.join(',')}`,
    ...(sasl === undefined && tls === undefined ? [] : [`--command-config ${toolSettings}`]),
    `--alter --entity-type topics --entity-name ${problems[0]?.topic ?? ''} --add-config ${settings}`,
  ].join(' ');
}
