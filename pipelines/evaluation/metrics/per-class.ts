/** What a class gets right and wrong, each a share in 0…1. */
export interface ClassScores {
  /** Of the clips named this class, those that are; undefined where none is named so. */
  readonly precision?: number;
  /** Of the clips of this class, those named so; undefined where there is none. */
  readonly recall?: number;
  /** 2 · right / (true + named); undefined where the class neither occurs nor is named. */
  readonly f1?: number;
  /** Clips of this class. */
  readonly clips: number;
}

/** @param confusion rows: true class; columns: predicted class */
export function classScores(confusion: readonly (readonly number[])[]): ClassScores[] {
  return confusion.map((row, k) => {
    const right = row[k] ?? 0;
    const clips = row.reduce((sum, count) => sum + count, 0);
    const named = confusion.reduce((sum, other) => sum + (other[k] ?? 0), 0);
    return {
      ...(named === 0 ? {} : { precision: right / named }),
      ...(clips === 0 ? {} : { recall: right / clips }),
      ...(clips + named === 0 ? {} : { f1: (2 * right) / (clips + named) }),
      clips,
    };
  });
}
