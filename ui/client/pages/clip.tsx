/** A clip: what a model sees of it, what a person sees and hears, and what is known. */
import { useState } from 'preact/hooks';
import type { ClipFacts, DatasetFacts } from '../../wire.ts';
import { hrefOf, type Route } from '../live/route.ts';
import { useAnswer } from '../live/use-answer.ts';
import { ProblemBox, useTitle } from '../parts/basics.tsx';
import { datasetApi } from './data.tsx';

/** `#/data/<store>/<name>/<version>/clip?id=…&run=…` */
export function ClipView({ path: [, store = '', name = '', version = ''], query }: Route) {
  const id = query.get('id') ?? '';
  const run = query.get('run');
  useTitle(id);
  const base = datasetApi(store, name, version);
  const dataset = useAnswer<DatasetFacts>(base);
  const { value: clip, problem } = useAnswer<ClipFacts>(`${base}/clip?id=${encodeURIComponent(id)}`);
  const picture = (kind: string, frame = 0) =>
    `${base}/picture?kind=${kind}&frame=${String(frame)}&id=${encodeURIComponent(id)}`;
  return (
    <>
      <p class="crumbs">
        {run === null ? null : (
          <>
            <a href={hrefOf(['runs', run, 'mistakes'])}>Mistakes of {run}</a>
            <a href={hrefOf(['runs', run, 'report'])}>Its report</a>
          </>
        )}
        <a href={hrefOf(['data', store, name, version])}>{name}</a>
      </p>
      <h1 class="id">{id}</h1>
      <ProblemBox problem={problem} />
      {clip === undefined ? null : (
        <>
          {clip.quarantine === undefined ? null : (
            <ProblemBox
              problem={{ message: `Quarantined (${clip.quarantine.code}): ${clip.quarantine.reason}` }}
            />
          )}
          <div class="clip">
            <div>
              <Player key={id} clip={clip} />
              <ClipTable
                clip={clip}
                className={dataset.value?.classNames[clip.label]}
                place={[store, name, version]}
              />
            </div>
            <div>
              {clip.hasAudio ? (
                <figure class="panel">
                  <figcaption>Spectrogram, as it is stored</figcaption>
                  <img
                    class="spectrogram"
                    src={picture('audio')}
                    alt="Spectrogram: time to the right, high frequencies at the top"
                  />
                </figure>
              ) : null}
              <Frames title="Frames" count={clip.frames} picture={(frame) => picture('rgb', frame)} />
              <Frames
                title="Optical flow (red: right, green: down)"
                count={clip.flowFrames}
                picture={(frame) => picture('flow', frame)}
              />
            </div>
          </div>
        </>
      )}
    </>
  );
}

function Player({ clip: { media, separateAudio, mediaProblem, clipId } }: { readonly clip: ClipFacts }) {
  const [attempt, setAttempt] = useState<'as it is' | 'translated' | 'failed'>('as it is');
  if (media === undefined)
    return (
      <p class="quiet no-player">
        {mediaProblem === undefined ? 'There is no file to play.' : `Not played: ${mediaProblem}`}
      </p>
    );
  if (attempt === 'failed') return <p class="quiet no-player">This file cannot be played here.</p>;
  const [file = '', part] = media.url.split('#');
  const url = attempt === 'translated' ? `${file}&as=mp4` : part === undefined ? file : `${file}#${part}`;
  // What a browser cannot play is asked for once more, translated.
  const onError = () => setAttempt(attempt === 'as it is' ? 'translated' : 'failed');
  return (
    <div class="player">
      {media.kind === 'video' ? (
        <video
          controls
          playsInline
          preload="metadata"
          src={url}
          onError={onError}
          aria-label={`Clip ${clipId}`}
        />
      ) : (
        <audio controls preload="metadata" src={url} onError={onError} aria-label={`Clip ${clipId}`} />
      )}
      {separateAudio === undefined ? null : (
        <label class="field">
          <span>Its separate sound</span>
          <audio controls preload="metadata" src={separateAudio} />
        </label>
      )}
    </div>
  );
}

function Frames({
  title,
  count,
  picture,
}: {
  readonly title: string;
  readonly count: number;
  readonly picture: (frame: number) => string;
}) {
  if (count === 0) return null;
  return (
    <figure class="panel">
      <figcaption>{title}</figcaption>
      <div class="frames">
        {Array.from({ length: count }, (_, frame) => (
          <img
            key={frame}
            src={picture(frame)}
            alt={`Frame ${String(frame + 1)} of ${String(count)}`}
            loading="lazy"
          />
        ))}
      </div>
    </figure>
  );
}

function ClipTable({
  clip,
  className,
  place: [store, name, version],
}: {
  readonly clip: ClipFacts;
  readonly className: string | undefined;
  readonly place: readonly [string, string, string];
}) {
  const { split, group, path, audioPath, startS, endS, sha256, missing, twins } = clip;
  const facts: [string, preact.ComponentChildren][] = [
    ['Class', className ?? 'none'],
    ['Split', split],
    ['Missing', missing.length === 0 ? 'nothing' : missing.join(', ')],
    ['Group', group],
    [
      'Part',
      startS === undefined && endS === undefined
        ? undefined
        : `${String(startS ?? 0)} to ${endS === undefined ? 'the end' : String(endS)} s`,
    ],
    ['File', path === undefined ? undefined : <code>{path}</code>],
    ['Sound', audioPath === undefined ? undefined : <code>{audioPath}</code>],
    ['Content', sha256 === undefined ? undefined : <code title={sha256}>{sha256.slice(0, 16)}</code>],
    [
      'Same content',
      twins.length === 0
        ? undefined
        : twins.map((twin) => (
            <a key={twin} href={hrefOf(['data', store, name, version, 'clip'], { id: twin })}>
              {twin}
            </a>
          )),
    ],
  ];
  return (
    <dl class="facts long">
      {facts
        .filter(([, value]) => value !== undefined)
        .map(([word, value]) => (
          <div key={word}>
            <dt>{word}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
