/** What set-up is going to do, said and checked before it does anything: one table, and the room on the disk. */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ModalmixError } from '../../schemas/errors.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import { cacheFolder } from '../folders.ts';
import type { Finding, Plan, SetupStep } from './step.ts';
import { megabytes } from './wheels/wheel.ts';

const HEADER = ['part', 'state', 'from', 'fetched', 'on disk', 'root'] as const;
/** Besides what the plans say: what is compiled, bundles, partial files. */
const MARGIN_BYTES = 200e6;

export interface Surveyed {
  readonly step: Pick<SetupStep, 'name'>;
  readonly finding: Finding;
}

/** @returns a line a part, and a last one with the sums */
export function surveyTable(parts: readonly Surveyed[]): string[] {
  const rows = parts.map(({ step, finding }) => {
    if (finding.inPlace) return [step.name, 'there', finding.origin, '', '', ''];
    const { from = 'made here', downloadBytes, diskBytes, root = false } = finding.plan ?? {};
    return [step.name, 'missing', from, size(downloadBytes), size(diskBytes), root ? 'yes' : 'no'];
  });
  const plans = plansOf(parts);
  const usesRoot = plans.some(({ root }) => root === true);
  const total = [
    'together',
    '',
    '',
    size(sum(plans, 'downloadBytes')),
    size(sum(plans, 'diskBytes')),
    usesRoot ? 'yes' : 'no',
  ];
  const all = [[...HEADER], ...rows, total];
  const widths = HEADER.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

/**
 * @param freeBytes of the disk that the cache is on; absent: asked
 * @throws ModalmixError `dependency` when it has not the room for what is missing
 */
export async function requireDiskSpace(parts: readonly Surveyed[], freeBytes?: number): Promise<void> {
  const plans = plansOf(parts);
  const needed = sum(plans, 'diskBytes') + sum(plans, 'downloadBytes');
  if (needed === 0) return;
  const folder = existingParent(cacheFolder());
  const free = freeBytes ?? (await freeIn(folder));
  if (free >= needed + MARGIN_BYTES) return;
  throw new ModalmixError(
    'dependency',
    `set-up needs ${megabytes(needed + MARGIN_BYTES)} for a while, and the disk has ${megabytes(free)} free`,
    {
      where: folder,
      fix: `Make room, or set ${ENVIRONMENT.cache} to a folder on another disk.`,
    },
  );
}

function plansOf(parts: readonly Surveyed[]): Plan[] {
  return parts.flatMap(({ finding }) =>
    finding.inPlace || finding.plan === undefined ? [] : [finding.plan],
  );
}

function sum(plans: readonly Plan[], what: 'downloadBytes' | 'diskBytes'): number {
  return plans.reduce((total, plan) => total + (plan[what] ?? 0), 0);
}

function size(bytes: number | undefined): string {
  return bytes === undefined || bytes === 0 ? '' : megabytes(bytes);
}

async function freeIn(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function existingParent(folder: string): string {
  return existsSync(folder) ? folder : existingParent(dirname(folder));
}
