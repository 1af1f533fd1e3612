/** The config's `tracking` section: where else trainings are written to. No part of what a run or a training is. */
import { z } from 'zod';
import { httpUrlSchema } from './http-url.ts';

export const trackingConfigSchema = z.strictObject({
  /** Each training is a run of an MLflow server: parameters, metrics by epoch, model, report and config. */
  mlflow: z.strictObject({
    /**
     * The server, `http://…` or `https://…`. Who one is stands in `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and
     * `MLFLOW_TRACKING_PASSWORD`, of the workers' environment.
     */
    uri: httpUrlSchema,
    /** Its experiment, made where there is none; absent: the run's `name`. */
    experiment: z.string().min(1).max(200).optional(),
  }),
});
export type TrackingConfig = z.infer<typeof trackingConfigSchema>;
