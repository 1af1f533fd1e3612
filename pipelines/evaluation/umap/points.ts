/** Rows of features, row after row in one array. */
export interface Points {
  readonly count: number;
  /** Features of a point. */
  readonly size: number;
  /** `count` × `size` */
  readonly values: Float32Array;
}

/** @throws RangeError when rows differ in length */
export function packPoints(rows: readonly ArrayLike<number>[]): Points {
  const size = rows[0]?.length ?? 0;
  const values = new Float32Array(rows.length * size);
  rows.forEach((row, i) => {
    if (row.length !== size) throw new RangeError(`row ${String(i)} has ${String(row.length)} features`);
    values.set(row, i * size);
  });
  return { count: rows.length, size, values };
}
