/** LFM's part of the config, `training.lfm`. What it does: `pipelines/training/methods/lfm.ts`. */
import { z } from 'zod';

const fields = z.strictObject({
  /**
   * What draws the modalities together: the authors' `divergence` between their predictions, or a `contrastive` loss
   * between their features, which is our earlier reading.
   */
  loss: z.enum(['divergence', 'contrastive']).default('divergence'),
  /**
   * α₂, its share: `fitted` falls with the epoch as the authors' does over 200 epochs; a number is fixed. `heuristic`,
   * 1 − e^(−1/t), is our earlier reading.
   */
  matching: z.union([z.enum(['fitted', 'heuristic']), z.number().min(0).max(1)]).default('fitted'),
  /** Ours: spreads the fitted curve of 200 epochs over `training.epochs`, so that a short training sees all of it. */
  stretch: z.boolean().default(false),
  /** Of the contrastive loss. */
  temperature: z.number().positive().default(0.07),
});

/** What earlier versions wrote, and configs that were written for them, meant the contrastive loss. */
export const lfmSchema = z.preprocess((given: unknown) => {
  if (given === null || typeof given !== 'object' || 'loss' in given) return given;
  const earlier = 'temperature' in given || ('matching' in given && given.matching === 'heuristic');
  return earlier ? { loss: 'contrastive', matching: 'heuristic', ...given } : given;
}, fields);
