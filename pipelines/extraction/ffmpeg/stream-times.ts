/** The times of a video stream's packets, by one run of ffmpeg that copies and decodes none of them. */
import { execFile } from 'node:child_process';
import { ENVIRONMENT } from '../../../schemas/names.ts';
import { CONTAINERS, type StreamTimes } from '../decode.ts';

const MOST_TEXT_BYTES = 256 * 2 ** 20;
const NO_TIMESTAMP = '-9223372036854775808';

/**
 * @param file a name of ours (`linkSources`)
 * @returns undefined where ffmpeg makes nothing of it, or not in time: decoding, which comes next, tells why
 */
export async function streamTimes(
  file: string,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<StreamTimes | undefined> {
  const args = [
    ...['-nostdin', '-v', 'error', '-protocol_whitelist', 'file,pipe', '-format_whitelist', CONTAINERS],
    ...['-i', `file:${file}`, '-map', '0:V:0', '-c', 'copy', '-copyinkf', '-f', 'framecrc', '-'],
  ];
  const text = await new Promise<string>((resolve) => {
    execFile(
      process.env[ENVIRONMENT.ffmpeg] ?? 'ffmpeg',
      args,
      { maxBuffer: MOST_TEXT_BYTES, timeout: timeoutMs, killSignal: 'SIGKILL', ...(signal && { signal }) },
      (_error, stdout) => {
        // Of a file that is cut off, what there is.
        resolve(stdout);
      },
    );
  });
  return parseTimes(text);
}

/** @param text lines `stream, dts, pts, duration, size, …`, after one `#tb 0: num/den` */
function parseTimes(text: string): StreamTimes | undefined {
  const base = /^#tb 0: (\d+)\/(\d+)$/mu.exec(text);
  if (base === null) return undefined;
  const seconds = (time: number) => (time * Number(base[1])) / Number(base[2]);
  let [first, last, packets] = [Infinity, -Infinity, 0];
  for (const [, dts, pts] of text.matchAll(/^0, *(-?\d+), *(-?\d+),/gmu)) {
    const known = pts === NO_TIMESTAMP ? dts : pts;
    if (known === NO_TIMESTAMP) continue;
    first = Math.min(first, Number(known));
    last = Math.max(last, Number(known));
    packets += 1;
  }
  return packets === 0 ? undefined : { firstS: seconds(first), lastS: seconds(last), packets };
}
