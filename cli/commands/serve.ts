/** `modalmix serve`: a trained model's predictions over HTTP, until Ctrl-C or SIGTERM. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { startServing, type ServeOptions } from '../../infra/serving/serve.ts';
import { untilSignalled } from '../../infra/workers/until-signalled.ts';
import { withoutSecrets } from '../../pipelines/process/secrets.ts';
import { ModalmixError, describeError } from '../../schemas/errors.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import type { Screen } from '../../runs/screen.ts';
import { chosenByFlags, type ChoiceFlags } from './predict.ts';

export interface ServeFlags extends ChoiceFlags {
  readonly host: string;
  readonly port: string;
  readonly allowRoot?: readonly string[];
  readonly allowHost?: readonly string[];
  readonly maxBatch: string;
  readonly maxWaitMs: string;
  readonly maxQueue: string;
  readonly maxClips: string;
  readonly maxBodyMib: string;
  readonly timeoutS: string;
}

const MIB = 2 ** 20;
const SHORTEST_TOKEN = 16;
const REQUESTS_IN_FLIGHT = 64;

/** @throws ModalmixError `config` for flags that are none; as `chooseModel` and `startServing` */
export async function serve(flags: ServeFlags, screen: Screen): Promise<void> {
  const numbers = numbersOf(flags);
  const token = tokenFromEnvironment();
  const { store, chosen } = await chosenByFlags(flags);
  const follow = chosen.version !== undefined && flags.model?.includes('@') === false;
  await untilSignalled(async (signal) => {
    const serving = await startServing({
      ...{ store, chosen, ...numbers, host: flags.host },
      ...(follow ? { follow: chosen.version!.model } : {}),
      ...(token === undefined ? {} : { token }),
      hostNames: (flags.allowHost ?? []).map((name) => name.toLowerCase()),
      roots: flags.allowRoot ?? [],
      onEvent: (event, detail) => {
        screen.say(withoutSecrets(`model ${event}: ${detail}`));
        screen.event(event, { detail: withoutSecrets(detail) });
      },
      onFailure: (requestId, error) => {
        const failure = withoutSecrets(describeError(error));
        screen.say(`request ${requestId} failed: ${failure}`);
        screen.event('failed', { requestId, failure });
      },
    });
    const { model, version } = chosen.version ?? { model: chosen.spec.trainingId, version: undefined };
    const name =
      version === undefined ? model : `${model}, version ${String(version)}${follow ? ' (followed)' : ''}`;
    screen.say(`Serving ${name} at ${serving.url} until Ctrl-C; its document: ${serving.url}/openapi.json`);
    screen.event('serving', { url: serving.url, model, version, childPid: serving.childPid() });
    if (!signal.aborted) await once(signal, 'abort');
    screen.say('Stopping: what is under way is answered first.');
    await serving.stop();
    screen.event('stopped', {});
  });
}

function numbersOf(
  flags: ServeFlags,
): Pick<ServeOptions, 'port' | 'maxBatch' | 'maxWaitMs' | 'maxQueue' | 'limits'> {
  const maxQueue = count('--max-queue', flags.maxQueue, 1, 1_000_000);
  const clipsPerRequest = count('--max-clips', flags.maxClips, 1, 10_000);
  if (clipsPerRequest > maxQueue) {
    throw new ModalmixError('config', 'a request of so many clips could never wait', {
      where: '--max-clips',
      fix: 'Let it be at most --max-queue.',
    });
  }
  const bodyBytes = count('--max-body-mib', flags.maxBodyMib, 1, 1_048_576) * MIB;
  return {
    port: count('--port', flags.port, 0, 65_535),
    maxBatch: count('--max-batch', flags.maxBatch, 1, 4_096),
    maxWaitMs: count('--max-wait-ms', flags.maxWaitMs, 0, 10_000),
    maxQueue,
    limits: {
      bodyBytes,
      clipBytes: bodyBytes,
      clipsPerRequest,
      requestMs: count('--timeout-s', flags.timeoutS, 1, 86_400) * 1_000,
      requestsInFlight: REQUESTS_IN_FLIGHT,
    },
  };
}

function count(where: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (/^\d+$/u.test(text) && number >= least && number <= most) return number;
  throw new ModalmixError('config', `"${text}" is no whole number from ${String(least)} to ${String(most)}`, {
    where,
  });
}

/** @throws ModalmixError `config` for a token that can be guessed, or a file that cannot be read */
function tokenFromEnvironment(): string | undefined {
  const file = process.env[ENVIRONMENT.serveTokenFile]?.trim() ?? '';
  const given = process.env[ENVIRONMENT.serveToken]?.trim() ?? '';
  const where = given === '' ? ENVIRONMENT.serveTokenFile : ENVIRONMENT.serveToken;
  const token = given === '' && file !== '' ? readToken(file) : given;
  if (token === '' && file === '') return undefined;
  if (token.length >= SHORTEST_TOKEN && /^[\x21-\x7e]+$/u.test(token)) return token;
  throw new ModalmixError(
    'config',
    `the token has not ${String(SHORTEST_TOKEN)} or more letters, digits and signs without blanks`,
    { where, fix: 'Make one: openssl rand -hex 24' },
  );
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new ModalmixError('config', `the file ${file} cannot be read`, {
      where: ENVIRONMENT.serveTokenFile,
      fix: 'Name a file with the token in it that this user can read.',
      cause,
    });
  }
}
