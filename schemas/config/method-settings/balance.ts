/** B-MM's part of the config, `training.balance`. What it does: `pipelines/training/methods/mixup/balance.ts`. */
import { z } from 'zod';

const fields = z.strictObject({
  /** How far λ^u follows ρ^u: 0 is MM. A hyper-parameter, to be chosen on the validation split. */
  gamma: z.number().min(0).default(1),
  /**
   * What ρ does to λ^u. `strong-further`: what leads is mixed further, the others keep λ. Ablations: `strong-less` mixes
   * it less and the weak one more, `opposite` mixes it more and the weak one less, `independent` draws each λ^u by
   * itself, whatever ρ is.
   */
  rule: z.enum(['strong-further', 'strong-less', 'opposite', 'independent']).default('strong-further'),
  /** The clips ρ is measured on: those just trained on, or those held out. */
  rhoFrom: z.enum(['train', 'validation']).default('train'),
  /** When ρ is measured: after every epoch, or after the first for good. */
  updates: z.enum(['every-epoch', 'first-epoch']).default('every-epoch'),
  /** Which modalities are mixed: all, those with ρ ≥ 1, or those with ρ ≤ 1; the others stay clean. */
  mixed: z.enum(['all', 'strong', 'weak']).default('all'),
  /** Whose λ^u mixes the label: λ itself, as in MM, or the mean of all, of the strong ones, of the weak ones, or by share in Σ s^u. */
  labels: z.enum(['lambda', 'mean', 'strong', 'weak', 'share']).default('lambda'),
});

/** Fields that contradict each other are refused with what to write. */
const consistent = fields.superRefine(({ rule, mixed, labels }, context) => {
  const refuse = (field: keyof typeof fields.shape, message: string) => {
    context.addIssue({ code: 'custom', path: [field], message });
  };
  if (labels === 'lambda' && rule === 'independent') {
    refuse(
      'labels',
      'the rule independent draws no λ that all share: use labels mean, strong, weak or share',
    );
  }
  if (labels === 'lambda' && mixed !== 'all') {
    refuse(
      'labels',
      `with mixed ${mixed} not every modality holds λ: use labels mean, strong, weak or share`,
    );
  }
  if (rule === 'strong-further' && mixed === 'weak') {
    refuse(
      'mixed',
      'the rule strong-further changes only what leads: use mixed all or strong, or another rule',
    );
  }
});

/**
 * What earlier versions called the rules: their default was `policy`, and `fixed` was a rule. An ablation that names
 * its rule without γ or label rule gets those that went with it then.
 */
const EARLIER: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  policy: { rule: 'strong-less' },
  fixed: { rule: 'strong-less', updates: 'first-epoch' },
  'strong-less': {},
  opposite: {},
  independent: {},
};

export const balanceSchema = z.preprocess((given: unknown) => {
  if (given === null || typeof given !== 'object' || !('rule' in given)) return given;
  const earlier = typeof given.rule === 'string' ? EARLIER[given.rule] : undefined;
  return earlier === undefined ? given : { gamma: 0.1, labels: 'mean', ...given, ...earlier };
}, consistent);
