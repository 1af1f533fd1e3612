/** What `verify`, `repair`, `gc` and `migrate` found, for a terminal. Pure. */
import { oneLine } from '../../schemas/printable.ts';
import type { Mend } from '../../pipelines/upkeep/file-kinds.ts';
import type { Garbage } from '../../pipelines/upkeep/find-garbage.ts';
import type { Migrations } from '../../pipelines/upkeep/migrate-store.ts';
import type { Verification } from '../../pipelines/upkeep/verify-store.ts';
import { counted } from './counted.ts';

const MENDING: Readonly<Record<Mend, string>> = {
  remake: 'modalmix repair (it is made anew when it is needed)',
  rebuild: 'modalmix repair (it is made again from the clips)',
  train: 'modalmix repair (it is made again from the last checkpoint)',
  evaluate: 'modalmix repair, then modalmix run <config> (it is evaluated again)',
  report: 'modalmix report <run> (it is written again)',
  update: 'update this Modalmix: nothing is wrong with the file',
  restore: 'restore it from a copy: nothing in the store says what was in it',
};
const UNKNOWN_SHOWN = 5;

/** A paragraph a file: what is wrong, what mends it. */
export function findingsText({ findings, files, unknown }: Verification, storeUri: string): string {
  const lines = findings.map(
    ({ path, state, problem, mend }) =>
      `✗ ${oneLine(path)}: ${state === 'newer' ? '' : `${state}: `}${oneLine(problem)}\n  → ${MENDING[mend]}`,
  );
  const others =
    unknown.length === 0
      ? []
      : [
          `${counted(unknown.length, 'file')} that are none of ours: ${unknown.slice(0, UNKNOWN_SHOWN).map(oneLine).join(', ')}`,
        ];
  const verdict =
    findings.length === 0
      ? `All of ${counted(files, 'file')} are whole, and what they name is there: ${storeUri}`
      : `${counted(findings.length, 'file')} of ${String(files)} ${found(findings)}: ${storeUri}`;
  return [...lines, ...others, verdict].join('\n');
}

function found(findings: Verification['findings']): string {
  return findings.some(({ state }) => state === 'newer') ? 'newer, damaged or missing' : 'damaged or missing';
}

/** By reason: how many files, how large, the first ones. */
export function garbageText(garbage: readonly Garbage[], storeUri: string, deleted: boolean): string {
  const total = size(garbage.reduce((sum, { bytes }) => sum + bytes, 0));
  if (garbage.length === 0) return `Nothing to remove: all that is old enough is needed. ${storeUri}`;
  const reasons = [...new Set(garbage.map(({ why }) => why))];
  const lines = reasons.flatMap((why) => {
    const files = garbage.filter((one) => one.why === why);
    return [
      `${counted(files.length, 'file')}, ${size(files.reduce((sum, { bytes }) => sum + bytes, 0))}: ${why}`,
      ...files.map(({ path }) => `  ${oneLine(path)}`),
    ];
  });
  const verdict = deleted
    ? `Removed ${counted(garbage.length, 'file')}, ${total}: ${storeUri}`
    : `${counted(garbage.length, 'file')}, ${total}, can be removed: modalmix gc --delete, with the same options. ${storeUri}`;
  return [...lines, verdict].join('\n');
}

/** A line a file; what was left alone with what mends it. */
export function migrationsText(
  { migrations, left, files }: Migrations,
  storeUri: string,
  applied: boolean,
): string {
  const lines = migrations.map(({ path, what }) => `${oneLine(path)}: ${what}`);
  const others = left.map(
    ({ path, problem, mend }) => `✗ ${oneLine(path)}: ${oneLine(problem)}\n  → ${MENDING[mend]}`,
  );
  const count = counted(migrations.length, 'file');
  const verdict =
    migrations.length === 0
      ? `Nothing to migrate: all of ${counted(files - left.length, 'file')} are as this release writes them, or read as they are. ${storeUri}`
      : applied
        ? `${count} written as this release writes them: ${storeUri}`
        : `${count} of an earlier form, which is read as it is; written anew by: modalmix migrate --apply, with the same options. ${storeUri}`;
  return [...lines, ...others, verdict].join('\n');
}

function size(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
