/** A wall clock of this process that is an hour later each time it is looked at. */
import { vi } from 'vitest';

export async function withJumpingDate<T>(work: () => Promise<T>): Promise<T> {
  const now = Date.now.bind(Date);
  let hours = 0;
  const jumping = vi.spyOn(Date, 'now').mockImplementation(() => now() + 3_600_000 * (hours += 1));
  try {
    return await work();
  } finally {
    jumping.mockRestore();
  }
}
