/** Loads TensorFlow in a process of its own, which it may take down with it, and tells what came up. */
import { execa } from 'execa';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { ModalmixError } from '../../../schemas/errors.ts';
import { ENVIRONMENT } from '../../../schemas/names.ts';
import { programOf } from '../../supervisor/supervise.ts';

const factsSchema = z.object({
  tfjs: z.string(),
  tensorflow: z.string(),
  engine: z.enum(['cpu', 'gpu']),
  device: z.string(),
});
export type TensorflowFacts = z.infer<typeof factsSchema>;

const CHILD = fileURLToPath(new URL('print-tensorflow-facts.ts', import.meta.url));
const LINES_SHOWN = 6;

/**
 * Whatever engine is asked for: it tells which one there is.
 *
 * @throws ModalmixError `dependency` with the loader's own words when it cannot be loaded
 */
export async function probeTensorflow(): Promise<TensorflowFacts> {
  const { program, args } = programOf(CHILD);
  const { failed, stdout, stderr, shortMessage } = await execa(program, args, {
    reject: false,
    stdin: 'ignore',
    env: { TF_CPP_MIN_LOG_LEVEL: '2', [ENVIRONMENT.engine]: '' },
  });
  const facts = failed ? undefined : factsSchema.parse(JSON.parse(stdout));
  if (facts !== undefined) return facts;
  const words = stderr.trim().split('\n').slice(-LINES_SHOWN).join('\n    ');
  throw new ModalmixError(
    'dependency',
    `TensorFlow cannot be loaded: ${words === '' ? shortMessage : words}`,
    {
      where: '@tensorflow/tfjs-node',
      fix: 'npm run setup',
    },
  );
}
