/**
 * A method: manifold mixup on one modality at a time. Each step mixes the features of a single modality, drawn anew, with
 * their partners' and leaves the others clean; the label follows the share of what was mixed.
 */
import type { Plugin } from 'modalmix';

interface Settings {
  /** λ ~ Beta(alpha, alpha) */
  readonly alpha: number;
}

export default {
  settings: {
    parse: (given) => {
      const { alpha = 1, ...others } = given as Partial<Settings>;
      const [unknown] = Object.keys(others);
      if (unknown !== undefined) throw new Error(`there is no setting "${unknown}"`);
      if (typeof alpha !== 'number' || !(alpha > 0))
        throw new Error(`alpha is ${String(alpha)}; it must be more than 0`);
      return { alpha };
    },
  },
  methods: {
    'x-partner-mix': (kit, { alpha }, _training, modalities) => ({
      forward: (model, batch, context) => {
        const [mixed] = context.random('mixed modality').permutation(modalities.length);
        const ratio = kit.drawRatio(context.random('lambda'), alpha);
        return kit.mixedStep(model, batch, context, { [modalities[mixed ?? 0]!]: ratio });
      },
    }),
  },
} satisfies Plugin<Settings>;
