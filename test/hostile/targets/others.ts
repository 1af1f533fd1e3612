/** What listens, what programs print, what other processes of ours leave. */
import { connect } from 'node:net';
import fc from 'fast-check';
import { z } from 'zod';
import { parseIndexPage } from '../../../infra/setup/wheels/index-page.ts';
import { readStateFile } from '../../../infra/state-file.ts';
import { parsePpmStream } from '../../../pipelines/extraction/ffmpeg/ppm.ts';
import { complaintOf, parseInputs } from '../../../pipelines/extraction/ffmpeg/read-log.ts';
import { StreamMetrics, serveMetrics } from '../../../pipelines/streaming/metrics.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { oneLine, printable, printableJson } from '../../../schemas/printable.ts';
import { mutatedBytes } from '../mutate-bytes.ts';
import { hostileText, mutatedJson } from '../mutate-values.ts';
import type { Target } from '../target.ts';
import { scratch, write } from './files.ts';

const LOG = `Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:/tmp/in/source-0.mp4':
  Metadata:
    title           : a
  Duration: 00:00:02.04, start: 0.000000, bitrate: 100 kb/s
  Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p, 64x48, 25 fps (default)
  Stream #0:1[0x2](und): Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz, stereo, fltp, 69 kb/s (default)
[mp4 @ 0x5591] Invalid data found when processing input
Stream mapping:
`;
const REQUEST =
  'GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
const PPM = Buffer.concat([
  Buffer.from('P6\n3 2\n255\n'),
  Buffer.alloc(18),
  Buffer.from('P6\n1 1\n255\n'),
  Buffer.alloc(3),
]);
const HTML =
  '<html><base href="https://x/simple/"><a href="../a-1.0.whl#sha256=0" data-x=\'1\'>a</a><a\nhref=\'b%20c.whl\'>b</a></html>';

export async function otherTargets(): Promise<Target[]> {
  const folder = scratch();
  const state = z.strictObject({ pid: z.int(), startedAt: z.string() });
  const page = new URL('https://x/simple/a/');
  const text = (bytes: Buffer) => bytes.toString('utf8').slice(0, 100_000);
  return [
    await metricsTarget(),
    {
      ...{ name: 'ffmpeg-log', kind: 'programs’ output', inputs: mutatedBytes([Buffer.from(LOG)]).map(text) },
      parse: (log: string) => [parseInputs(log.split('\n'), 1), complaintOf(log.split('\n'), '/tmp/in')],
    },
    {
      ...{ name: 'ppm', kind: 'programs’ output', inputs: mutatedBytes([PPM]) },
      parse: (bytes: Buffer) => parsePpmStream(bytes),
    },
    {
      ...{
        name: 'index-page',
        kind: 'archives',
        inputs: fc.oneof(
          mutatedBytes([Buffer.from(HTML)]).map(text),
          mutatedJson([{ files: [{ filename: 'a.whl', url: '../a.whl' }] }]).map(text),
        ),
        share: 0.5,
      },
      // Its one caller makes a sentence of whatever it throws.
      parse: (body: string) => {
        try {
          return parseIndexPage(body, body.startsWith('{') ? 'application/json' : 'text/html', page);
        } catch (error) {
          if (error instanceof RangeError) throw error;
          throw new ModalmixError('input', String(error));
        }
      },
    },
    {
      ...{
        name: 'state-file',
        kind: 'files of a store',
        share: 0.3,
        inputs: mutatedJson([{ pid: 1, startedAt: 'x' }]),
      },
      parse: (bytes: Buffer) => readStateFile(write(folder, 'state.json', bytes), state),
    },
    {
      ...{
        name: 'printable',
        kind: 'programs’ output',
        inputs: fc.oneof(hostileText, fc.string({ unit: 'binary', maxLength: 200 })),
      },
      parse: (words: string) => [printable(words), oneLine(words), printableJson(JSON.stringify(words))],
      judge: (value: unknown) => {
        const [shown = '', line = ''] = value as string[];
        // eslint-disable-next-line no-control-regex -- they are what is looked for
        return /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/u.test(shown) || line.includes('\n')
          ? 'a terminal obeys it'
          : undefined;
      },
    },
  ];
}

/** Its answer to a stranger's bytes is any; to the next one's question it is the metrics. */
async function metricsTarget(): Promise<Target<Buffer>> {
  const endpoint = await serveMetrics(new StreamMetrics('sink'), { metricsPort: 0 });
  const port = Number(new URL(endpoint.url).port);
  const say = async (bytes: Buffer): Promise<string> =>
    await new Promise((resolve) => {
      let answer = '';
      const socket = connect(port, '127.0.0.1', () => {
        socket.end(bytes);
      });
      socket.setTimeout(5_000, () => socket.destroy());
      socket.on('data', (data) => {
        answer = (answer + data.toString('latin1')).slice(0, 1_000);
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        resolve(answer);
      });
    });
  let asked = 0;
  return {
    ...{
      name: 'metrics',
      kind: 'HTTP',
      share: 0.03,
      inputs: mutatedBytes([Buffer.from(REQUEST), Buffer.from('POST /../metrics?x HTTP/1.0\r\n\r\n')]),
    },
    parse: async (bytes) => {
      const answer = await say(bytes);
      asked += 1;
      if (asked % 20 !== 0) return answer;
      return (await fetch(endpoint.url)).ok ? answer : 'GONE';
    },
    judge: (answer) => (answer === 'GONE' ? 'the metrics are gone' : undefined),
  };
}
