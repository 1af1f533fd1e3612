/**
 * Where pip is told to look for packages: its environment variables and its configuration files, read as pip reads them
 * (pip.pypa.io/en/stable/topics/configuration), so that whoever has set up pip for a mirror has set up Modalmix too.
 */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

export interface PipSettings {
  /** Simple indexes (PEP 503, 691), the first first; empty when pip is left to its own default. */
  readonly indexes: readonly string[];
  /** Folders of wheels. */
  readonly folders: readonly string[];
  /** A file of certificates that are trusted besides Node's own. */
  readonly certificates?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The command that wheels are fetched with, whose section goes before `global`. */
const SECTIONS = ['global', 'download'];

/**
 * @param environment of the process
 * @param files configuration files, the later over the earlier; absent: pip's own
 */
export function pipSettings(
  environment: Environment = process.env,
  files: readonly string[] = pipFiles(environment),
): PipSettings {
  const settings = new Map<string, string>();
  for (const file of files) {
    const sections = parseSections(readFileSync(file, 'utf8'));
    for (const section of SECTIONS) {
      for (const [key, value] of sections.get(section) ?? []) settings.set(key, value);
    }
  }
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith('PIP_') && value !== undefined && value !== '') {
      settings.set(keyOf(name.slice('PIP_'.length)), value);
    }
  }
  const words = (key: string) => (settings.get(key) ?? '').split(/\s+/u).filter((word) => word !== '');
  const certificates = settings.get('cert');
  // `pip --no-index` looks into its folders alone.
  const offline = ['1', 'true', 'yes', 'on'].includes((settings.get('no-index') ?? '').toLowerCase());
  return {
    indexes: offline ? [] : [...words('index-url').slice(0, 1), ...words('extra-index-url')],
    folders: words('find-links').filter((place) => !/^[a-z]+:/iu.test(place)),
    ...(certificates === undefined ? {} : { certificates }),
  };
}

/** Those that are there, in pip's order: the machine's, the user's, the environment's, the one that is named. */
function pipFiles(environment: Environment): string[] {
  const named = environment['PIP_CONFIG_FILE'];
  if (named === '/dev/null') return [];
  const home = environment['HOME'] ?? homedir();
  const configured = environment['XDG_CONFIG_HOME'];
  const machines = (environment['XDG_CONFIG_DIRS'] ?? '/etc/xdg').split(delimiter);
  const virtual = environment['VIRTUAL_ENV'];
  const isMac = process.platform === 'darwin';
  return [
    ...machines.map((folder) => join(folder, 'pip', 'pip.conf')),
    ...(isMac ? ['/Library/Application Support/pip/pip.conf'] : []),
    '/etc/pip.conf',
    join(home, '.pip', 'pip.conf'),
    ...(isMac ? [join(home, 'Library', 'Application Support', 'pip', 'pip.conf')] : []),
    join(
      configured === undefined || configured === '' ? join(home, '.config') : configured,
      'pip',
      'pip.conf',
    ),
    ...(virtual === undefined ? [] : [join(virtual, 'pip.conf')]),
    ...(named === undefined || named === '' ? [] : [named]),
  ].filter((file) => existsSync(file));
}

/** As Python's configparser reads them: comments on lines of their own, further lines of a value indented. */
function parseSections(text: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>();
  let section: Map<string, string> | undefined;
  let key: string | undefined;
  for (const line of text.split(/\r?\n/u)) {
    if (/^\s*(?:[#;]|$)/u.test(line)) continue;
    const heading = /^\[([^\]]+)\]/u.exec(line)?.[1];
    if (heading !== undefined) {
      section = sections.get(heading) ?? new Map<string, string>();
      sections.set(heading, section);
      key = undefined;
    } else if (/^\s/u.test(line) && key !== undefined) {
      section?.set(key, `${section.get(key) ?? ''} ${line.trim()}`);
    } else {
      const [, name = '', value = ''] = /^([^=:]+)[=:](.*)$/u.exec(line) ?? [];
      key = keyOf(name.trim());
      section?.set(key, value.trim());
    }
  }
  return sections;
}

function keyOf(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}
