/** Go, with which programs are built whose makers' binaries a machine may not be able to fetch. */
import { execa } from 'execa';
import { ModalmixError } from '../../schemas/errors.ts';
import { findProgram } from '../find-program.ts';

/** The first that fetches the newer toolchain which a module asks for. */
const GO_AT_LEAST = [1, 21] as const;

/**
 * @param program what it shall build, for the message
 * @param otherwise what a person can do without Go
 * @returns the path of a Go that is new enough
 * @throws ModalmixError `dependency`
 */
export async function requireGo(program: string, otherwise: string): Promise<string> {
  const go = findProgram('go');
  const fix = `Install Go ${GO_AT_LEAST.join('.')} or newer, or ${otherwise}.`;
  if (go === undefined) {
    throw new ModalmixError('dependency', `${program} is not installed, and Go to build it is not either`, {
      where: 'PATH',
      fix,
    });
  }
  const { stdout } = await execa(go, ['env', 'GOVERSION'], { stdin: 'ignore' });
  const [major = 0, minor = 0] = stdout.replace('go', '').split('.').map(Number);
  if (major > GO_AT_LEAST[0] || (major === GO_AT_LEAST[0] && minor >= GO_AT_LEAST[1])) return go;
  throw new ModalmixError('dependency', `${go} is ${stdout}, too old to build ${program}`, {
    where: go,
    fix,
  });
}
