/** The engine that a person asks for. */
import { ENGINES, type Engine } from './engine.ts';
import { ModalmixError } from '../errors.ts';
import { ENVIRONMENT } from '../names.ts';

/**
 * What the environment asks for (`MODALMIX_ENGINE`); unset: `auto`.
 *
 * @throws ModalmixError `config` when it is none of the engines
 */
export function engineOfEnvironment(environment: Readonly<NodeJS.ProcessEnv>): Engine {
  const named = environment[ENVIRONMENT.engine] ?? '';
  return named === '' ? 'auto' : parseEngine(named, `environment variable ${ENVIRONMENT.engine}`);
}

/** @throws ModalmixError `config` when it is none of the engines */
export function parseEngine(named: string, where: string): Engine {
  const engine = ENGINES.find((name) => name === named);
  if (engine !== undefined) return engine;
  throw new ModalmixError('config', `"${named}" is none of ${ENGINES.join(', ')}`, { where });
}
