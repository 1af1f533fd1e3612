/** The times of a video stream's packets, by one run of ffmpeg that copies and decodes none of them. */
import { execFile } from 'node:child_process';
import { CONTAINERS, type StreamTimes } from '../decode.ts';
import { watchMemory } from '../memory-watch.ts';
import { confinedFfmpeg } from './confined-command.ts';

const MOST_TEXT_BYTES = 256 * 2 ** 20;
const NO_TIMESTAMP = '-9223372036854775808';

/**
 * @param file a name of ours (`linkSources`)
 * @param stream which of its video streams
 * @returns undefined where ffmpeg makes nothing of it, or not in time: decoding, which comes next, tells why
 */
export async function streamTimes(
  file: string,
  { stream, ...limits }: TableLimits & { readonly stream: number },
  signal?: AbortSignal,
): Promise<StreamTimes | undefined> {
  const map = ['-map', `0:V:${String(stream)}`, '-c', 'copy', '-copyinkf'];
  return parseTimes(await packetTable([...SAFELY, '-i', `file:${file}`, ...map], limits, signal));
}

interface TableLimits {
  readonly timeoutMs: number;
  readonly memoryMiB: number;
}

/**
 * @param from `map`: ffmpeg's name of the stream; `beginsS`: where reading begins, in seconds from the file's beginning
 * @returns how much later the first keyframe comes, in seconds; undefined where none does
 */
export async function firstKeyframeS(
  file: string,
  { map, beginsS, ...limits }: TableLimits & { readonly map: string; readonly beginsS: number },
  signal?: AbortSignal,
): Promise<number | undefined> {
  const sought = ['-noaccurate_seek', '-ss', beginsS.toFixed(6), '-i', `file:${file}`];
  // Without `-copyinkf` copying begins with a keyframe.
  const first = ['-map', map, '-c', 'copy', '-frames', '1'];
  return parseTimes(await packetTable([...SAFELY, ...sought, ...first], limits, signal))?.firstS;
}

const SAFELY = [
  ...['-nostdin', '-v', 'error', '-protocol_whitelist', 'file,pipe'],
  ...['-format_whitelist', CONTAINERS],
];

/** What `framecrc` tells of each packet. */
async function packetTable(
  args: readonly string[],
  { timeoutMs, memoryMiB }: TableLimits,
  signal?: AbortSignal,
): Promise<string> {
  const [program, words] = confinedFfmpeg([...args, '-f', 'framecrc', '-'], timeoutMs);
  return await new Promise<string>((resolve) => {
    const child = execFile(
      program,
      words,
      { maxBuffer: MOST_TEXT_BYTES, timeout: timeoutMs, killSignal: 'SIGKILL', ...(signal && { signal }) },
      (_error, stdout) => {
        endWatch();
        // Of a file that is cut off, what there is.
        resolve(stdout);
      },
    );
    const endWatch = watchMemory(child.pid, memoryMiB, () => child.kill('SIGKILL'));
  });
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
