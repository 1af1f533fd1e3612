/**
 * Which methods' hyper-parameters are part of what a training is. Those that only another method reads are put down as
 * what they were when trainings got their ids, so that a new default or field of one method leaves the others'
 * trainings found, and a matrix over one method's settings trains the other methods once. What a plug-in's method reads is
 * not known: there all counts that differs from its default.
 */
import { isDeepStrictEqual } from 'node:util';
import { methodSettings, type MethodName } from '../../schemas/config/methods.ts';
import { isPluginName } from '../../schemas/config/plugins.ts';
import type { TrainingConfig } from '../../schemas/config/training-config.ts';

type Group = 'balance' | 'lfm' | 'agm' | 'reconBoost';

const READ_BY: Readonly<Record<Group, MethodName>> = {
  balance: 'b-mm',
  lfm: 'lfm',
  agm: 'agm',
  reconBoost: 'reconboost',
};

const UNREAD: Readonly<Record<Group, unknown>> = {
  balance: { gamma: 0.1, rule: 'policy', rhoFrom: 'train', mixed: 'all', labels: 'mean' },
  lfm: { temperature: 0.07, matching: 'heuristic' },
  agm: { alpha: 1 },
  reconBoost: { boostEpochs: 4, rectifyEpochs: 4, targetWeight: 5, ensembleWeight: 1, agreement: 0.5 },
};

/** @returns the training's config as its id sees it */
export function settingsThatCount(method: MethodName, training: TrainingConfig): TrainingConfig {
  const unread = (Object.keys(READ_BY) as Group[]).filter(
    (group) => READ_BY[group] !== method && !(isPluginName(method) && isSet(group, training)),
  );
  return {
    ...training,
    balance: earlierBalance(training.balance),
    lfm: earlierLfm(training.lfm),
    // Rates by round, and memory forgotten: in earlier versions the same lengths were another training.
    reconBoost: { ...training.reconBoost, rounds: true },
    ...(slowsSteps(method, training) ? { ogm: { ...training.ogm, slows: 'step' } } : {}),
    ...Object.fromEntries(unread.map((group) => [group, UNREAD[group]])),
  } as TrainingConfig;
}

/** A plug-in's method is given all settings, and may read any that somebody has set. */
function isSet(group: Group, training: TrainingConfig): boolean {
  return !isDeepStrictEqual(training[group], methodSettings[group].parse(undefined));
}

/** The words that earlier versions had for the same: a rule `policy`, a rule `fixed`. */
function earlierBalance({ updates, ...balance }: TrainingConfig['balance']): unknown {
  const often = updates === 'every-epoch';
  if (balance.rule === 'strong-less') return { ...balance, rule: often ? 'policy' : 'fixed' };
  return often ? balance : { ...balance, updates };
}

/** Earlier versions had the contrastive loss only, and did not name it. */
function earlierLfm({ loss, stretch, ...lfm }: TrainingConfig['lfm']): unknown {
  return { ...lfm, ...(loss === 'contrastive' ? {} : { loss }), ...(stretch ? { stretch } : {}) };
}

/** Under Adam earlier versions multiplied OGM's gradients, which was another training. */
function slowsSteps(method: MethodName, { optimizer }: TrainingConfig): boolean {
  return (method === 'ogm' || method === 'ogm-ge') && optimizer.name !== 'sgd';
}
