/** Reads back what the stages before the report wrote. */
import type { z } from 'zod';
import type { RunConfig } from '../../../schemas/config/config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { DatasetManifest } from '../../../schemas/manifest.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { Provenance, Summary } from '../../../schemas/summary.ts';
import {
  epochMetricsSchema,
  evaluationResultSchema,
  type EpochMetrics,
  type EvaluationResult,
  type TrainingSpec,
} from '../../../schemas/training.ts';
import { NewerVersionError } from '../../../schemas/versions.ts';
import type { Store } from '../../store/store.ts';
import { parseStored } from '../../store/stored-json.ts';
import { decodeUmap, type UmapPoint } from '../umap-table.ts';

/** One training with all that is known of it. */
export interface TrainingRecord {
  readonly spec: TrainingSpec;
  /** By epoch, ascending. */
  readonly metrics: readonly EpochMetrics[];
  readonly evaluation: EvaluationResult;
  readonly umap: readonly UmapPoint[];
}

/** What the page is made of. */
export interface ReportInput {
  readonly runId: string;
  readonly title: string;
  readonly config: RunConfig;
  readonly manifest: DatasetManifest;
  readonly provenance: Provenance;
  readonly summary: Summary;
  /** In the order of the config: methods, then seeds. */
  readonly trainings: readonly TrainingRecord[];
}

/** @throws ModalmixError `input` when its evaluation is not complete or a file does not hold what it should */
export async function readTraining(store: Store, spec: TrainingSpec): Promise<TrainingRecord> {
  const evaluationPath = storePaths.evaluation(spec.trainingId);
  const metricsPath = storePaths.metrics(spec.trainingId);
  const evaluation = parsed(
    evaluationPath,
    evaluationResultSchema,
    (await store.get(evaluationPath)).toString(),
  );
  const lines = (await store.get(metricsPath)).toString().split('\n').filter(Boolean);
  return {
    spec,
    metrics: lines.map((line) => parsed(metricsPath, epochMetricsSchema, line)),
    evaluation,
    umap: decodeUmap(await store.get(evaluation.umap), evaluation.umap),
  };
}

function parsed<T>(where: string, schema: z.ZodType<T>, text: string): T {
  try {
    return parseStored(Buffer.from(text), schema, where);
  } catch (cause) {
    if (cause instanceof NewerVersionError) throw cause;
    throw new ModalmixError('input', 'does not hold what its contract says', {
      where,
      fix: 'Delete it and run again; it is made anew.',
      cause,
    });
  }
}
