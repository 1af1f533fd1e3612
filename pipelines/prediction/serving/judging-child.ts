/** Entry of the process that judges clips as long as a server lives (see `predictor.ts`). */
import { ModalmixError } from '../../../schemas/errors.ts';
import { serveRequests } from '../../process/serving-child.ts';
import { loadManifest } from '../../shards/manifest/load-manifest.ts';
import { openStore } from '../../store/open-store.ts';
import { loadModel } from '../../training/weights/load-model.ts';
import { ClipJudge } from '../judge-clip.ts';
import { judgingRequestSchema, type JudgedClips } from './judging-protocol.ts';

let loaded: { readonly judge: ClipJudge; readonly dispose: () => void } | undefined;

serveRequests(async (asked) => {
  const request = judgingRequestSchema.parse(asked);
  if (request.kind === 'load') {
    const { spec, weights } = request.chosen;
    const store = openStore(request.storeUri);
    const manifest = await loadManifest(store, spec.dataset.name, spec.dataset.version);
    const model = await loadModel({ store, spec, manifest, weights });
    const before = loaded;
    loaded = {
      judge: new ClipJudge(model, spec, manifest),
      dispose: () => {
        model.dispose();
      },
    };
    before?.dispose();
    return { epoch: model.epoch };
  }
  const by = loaded;
  if (by === undefined) throw new ModalmixError('internal', 'no model is loaded');
  return request.clips.map((clip): JudgedClips[number] => {
    const { fused, branches, missing } = by.judge.judge(clip);
    return { fused, branches, missing };
  });
});
