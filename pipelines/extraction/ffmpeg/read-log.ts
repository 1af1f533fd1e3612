/** What ffmpeg's log tells of its inputs, and of what went wrong. */
import type { InputFacts } from '../decode.ts';

/** Reads ffmpeg's description of its inputs, up to the first output or mapping. */
export function parseInputs(log: readonly string[], count: number): (InputFacts | undefined)[] {
  const inputs: (InputFacts | undefined)[] = Array.from({ length: count }, () => undefined);
  let current = -1;
  for (const line of log) {
    if (/^(?:Stream mapping:|Output #)/u.test(line)) break;
    const opened = /^Input #(\d+), (.+), from /u.exec(line);
    if (opened !== null) {
      current = Number(opened[1]);
      inputs[current] = {
        format: opened[2] ?? '',
        hasVideo: false,
        videoCodecs: [],
        audioCodec: undefined,
        durationS: undefined,
      };
    }
    const facts = inputs[current];
    if (facts === undefined) continue;
    const duration = /^ {2}Duration: (\d+):(\d\d):(\d\d\.\d\d),/u.exec(line);
    if (duration !== null) {
      const [, hours, minutes, seconds] = duration;
      const durationS = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
      const begins = /, start: (-?\d+\.\d+)/u.exec(line)?.[1] ?? '0';
      inputs[current] = { ...facts, durationS, beginsUs: Math.round(Number(begins) * 1e6) };
    }
    const [, kind, codec = ''] = /^ {2,4}Stream #\d+:\d+\S*: (Video|Audio): (\w+)/u.exec(line) ?? [];
    if (kind === 'Audio' && facts.audioCodec === undefined) {
      // `aac (LC) (mp4a / 0x6134706D), 44100 Hz, stereo, fltp, …`
      const [, rate, audioLayout] = /, (\d+) Hz, ([^,]+)/u.exec(line) ?? [];
      const audioRateHz = rate === undefined ? undefined : Number(rate);
      inputs[current] = { ...facts, audioCodec: codec, audioLayout, audioRateHz };
    } else if (kind === 'Video' && !line.includes('(attached pic)')) {
      inputs[current] = { ...facts, hasVideo: true, videoCodecs: [...facts.videoCodecs, codec] };
    }
  }
  return inputs;
}

const COMPLAINT =
  /error|invalid|not found|no such|corrupt|truncat|could not|unable|denied|not supported|whitelist|does not contain|matches no/iu;

/** The last two complaints, without addresses and our own paths, which say nothing to a person. */
export function complaintOf(log: readonly string[], scratch: string): string {
  const lines = log
    .filter((line) => COMPLAINT.test(line) && !line.includes('on the fly'))
    .map((line) =>
      line
        .replace(/\[([^\]@]*?) @ 0x[0-9a-f]+\] ?/gu, '$1: ')
        .replaceAll(`file:${scratch}/`, '')
        .replaceAll(`${scratch}/`, '')
        .replace(/\bin\/source-\d+(?:\.\w+)?: /gu, '')
        .replace(/0x[0-9a-f]{6,}/gu, '…')
        .trim(),
    );
  return [...new Set(lines)].slice(-2).join('; ').slice(0, 300);
}
