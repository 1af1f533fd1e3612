/** What the page of an experiment is made of. */
import type { ExperimentConfig, ExperimentSummary } from '../../../schemas/config/experiment.ts';
import type { Provenance } from '../../../schemas/summary.ts';
import type { CollectedGroup } from '../collect-cells.ts';

export interface ExperimentPageInput {
  readonly experimentId: string;
  readonly config: ExperimentConfig;
  readonly groups: readonly CollectedGroup[];
  readonly summary: ExperimentSummary;
  readonly provenance: Provenance;
}
