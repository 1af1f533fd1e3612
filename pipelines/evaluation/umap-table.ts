/** The layouts of all feature spaces as one Arrow file: `clip_id, split, label, space, x, y`. */
import {
  Dictionary,
  Float32,
  Int32,
  Utf8,
  Table,
  tableFromIPC,
  tableToIPC,
  vectorFromArray,
} from 'apache-arrow';
import { ModalmixError } from '../../schemas/errors.ts';
import { arrowFileProblem } from '../shards/read/arrow-bounds.ts';

export interface UmapPoint {
  readonly clipId: string;
  readonly split: string;
  readonly label: number;
  /** A modality or `fused`. */
  readonly space: string;
  readonly x: number;
  readonly y: number;
}

export function encodeUmap(points: readonly UmapPoint[]): Uint8Array {
  const text = (pick: (point: UmapPoint) => string) => vectorFromArray(points.map(pick), new Utf8());
  const category = (pick: (point: UmapPoint) => string) =>
    vectorFromArray(points.map(pick), new Dictionary(new Utf8(), new Int32()));
  const table = new Table({
    clip_id: text((point) => point.clipId),
    split: category((point) => point.split),
    label: vectorFromArray(
      points.map((point) => point.label),
      new Int32(),
    ),
    space: category((point) => point.space),
    x: vectorFromArray(
      points.map((point) => point.x),
      new Float32(),
    ),
    y: vectorFromArray(
      points.map((point) => point.y),
      new Float32(),
    ),
  });
  return tableToIPC(table, 'file');
}

/** @throws ModalmixError `input` when it is damaged, or a column is missing */
export function decodeUmap(bytes: Uint8Array, where: string): UmapPoint[] {
  const problem = arrowFileProblem(bytes);
  if (problem !== undefined) throw damaged(problem, where);
  try {
    return pointsOf(tableFromIPC(bytes), where);
  } catch (error) {
    throw error instanceof ModalmixError ? error : damaged(String(error), where, error);
  }
}

function damaged(problem: string, where: string, cause?: unknown): ModalmixError {
  return new ModalmixError('input', `the layouts are damaged: ${problem}`, {
    where,
    fix: 'Delete the file and evaluate again: it is made anew.',
    cause,
  });
}

function pointsOf(table: Table, where: string): UmapPoint[] {
  const column = (name: string): readonly unknown[] => {
    const vector = table.getChild(name);
    if (vector === null) throw new ModalmixError('input', `the column "${name}" is missing`, { where });
    return [...(vector as Iterable<unknown>)];
  };
  const [clipIds, splits, labels] = [column('clip_id'), column('split'), column('label')];
  const [spaces, xs, ys] = [column('space'), column('x'), column('y')];
  return clipIds.map((clipId, i) => ({
    clipId: String(clipId),
    split: String(splits[i]),
    label: Number(labels[i]),
    space: String(spaces[i]),
    x: Number(xs[i]),
    y: Number(ys[i]),
  }));
}
