/** The child of `probe-webgpu.ts`. */
import { factsOf, openAdapter } from '../../../pipelines/engine/webgpu/dawn.ts';
import { ModalmixError } from '../../../schemas/errors.ts';

try {
  const { adapter } = await openAdapter();
  process.stdout.write(JSON.stringify(factsOf(adapter)));
} catch (error) {
  const problem = error instanceof Error ? error.message : String(error);
  const fix = error instanceof ModalmixError ? error.fix : undefined;
  process.stdout.write(JSON.stringify({ problem, fix: fix ?? 'npm ci' }));
}
