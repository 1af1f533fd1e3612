import type { ModelVersion } from '../../schemas/retrain.ts';

/** What the gate said of a version, in a word; empty where it was not asked. */
export function verdictOf({ decision }: Pick<ModelVersion, 'decision'>): '' | 'promoted' | 'rejected' {
  if (decision === undefined) return '';
  return decision.promoted ? 'promoted' : 'rejected';
}
