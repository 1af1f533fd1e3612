import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { keepStreamProcesses } from '../../../infra/supervisor/stream-processes.ts';

it("hands --set on to a stream's worker processes, whose last words name what is wrong in it", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'modalmix-stream-set-'));
  try {
    const configFile = join(folder, 'run.yaml');
    const logFile = join(folder, 'workers.log');
    await writeFile(configFile, 'name: a\ndataset: { format: folder, root: clips }\n');
    const kept = keepStreamProcesses({
      ...{ configFile, set: ['stream.sink.flushRows=5', 'stream.sink.flushMB=1'] },
      ...{ ingest: 1, logFile, signal: new AbortController().signal },
    });
    await expect(kept).rejects.toMatchObject({ kind: 'config' });
    expect(await readFile(logFile, 'utf8')).toContain(
      '--set stream.sink.flushMB: there is no such field; did you mean',
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
