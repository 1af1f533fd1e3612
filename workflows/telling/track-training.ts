/** A training that has ended, as a run of an MLflow server. A workflow of its own: what was trained waits for nobody's server. */
import type { TrackTrainingInput, TrackTrainingOutput } from '../../schemas/workflows.ts';
import { tellingActivities } from '../activity-proxies.ts';

export async function trackTraining(input: TrackTrainingInput): Promise<TrackTrainingOutput> {
  return await tellingActivities(input).trackTraining(input);
}
