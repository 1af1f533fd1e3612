/**
 * OPM, on-the-fly prediction modulation (Wei et al., "On-the-fly Modulation for Balanced Multimodal Learning",
 * TPAMI 2024): joint training in which the feature of the modality that is ahead is dropped, clip by clip, with
 * probability q^u = q_base · (1 + λ · tanh(ρ^u − 1)) where ρ^u > 1, else 0 (`opm.ts`). A step is modulated with
 * probability p_exe; what is kept is divided by 1 − θ, θ the mean of q^u over the modalities.
 *
 * The paper's text was not at hand; formula and defaults (q_base 0.5, λ 0.5, p_exe 0.7, from the seventh epoch on) are
 * those of its authors' code, which has two modalities. Assumed: with more of them ρ^u compares with the mean of the
 * others, as in OGM; a clip that loses all it has is left out of the step's loss.
 */
import type { Modality } from '../../../../schemas/modality.ts';
import { discrepancyRatios } from '../discrepancy.ts';
import { column, featureOf } from '../../model/features.ts';
import { isPresent } from '../../data/presence.ts';
import { hardLabels } from '../mixup/mixup.ts';
import { dropProbabilities } from './drop-probabilities.ts';
import { answer } from '../../model/answers.ts';
import { tallyBatch } from '../../model/tally.ts';
import { tf, type Tensor2D } from '../../../engine/tensorflow.ts';
import type { CreateMethod } from '../method.ts';

export const createOpm: CreateMethod = ({ opm }, modalities) => ({
  forward: (model, batch, context) => {
    const features = model.encode(batch, true);
    const labels = hardLabels(batch.labels, model.classes);
    const modulated =
      context.epoch >= opm.startEpoch && context.random('modulate').uniform() < opm.executeShare;
    if (!modulated) return { features, loss: model.loss(model.fuse(features).logits, labels) };

    const { scores } = tallyBatch(answer(model, features), batch.labels, batch.present, modalities);
    const drop = dropProbabilities(discrepancyRatios(scores), opm);
    const theta = modalities.reduce((sum, modality) => sum + drop[modality]!, 0) / modalities.length;
    const values: Partial<Record<Modality, Tensor2D>> = {};
    const left = new Uint8Array(batch.size);
    for (const modality of modalities) {
      const random = context.random(`drop/${modality}`);
      const kept = Uint8Array.from(left, () => (random.uniform() < drop[modality]! ? 0 : 1));
      for (const row of kept.keys())
        left[row]! |= kept[row]! & Number(isPresent(batch.present, modality, row));
      values[modality] = tf.mul(
        featureOf(features, modality),
        column(batch.size, (row) => kept[row]! / (1 - theta)),
      );
    }
    const { logits } = model.fuse({ ...features, values });
    return { features, loss: model.loss(logits, labels, left) };
  },
});
