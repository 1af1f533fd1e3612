/** The end of a log of JSON lines, and which of them are about a run. */
import { open } from 'node:fs/promises';
import { supervisorFiles } from '../../../infra/supervisor/supervise.ts';
import { withoutSecrets } from '../../../pipelines/process/secrets.ts';
import { printable } from '../../../schemas/printable.ts';
import { isRecord } from '../../../schemas/is-record.ts';
import type { LogLine } from '../../wire.ts';

const TAIL_BYTES = 512 * 1024;
const MOST_LINES = 200;
const LINE_CHARACTERS = 2_000;
const WARNING = 40;
const ERROR = 50;
/** Of pino and Temporal, which say nothing to a person. */
const SILENT = new Set([
  'level',
  'time',
  'pid',
  'hostname',
  'msg',
  'sdkComponent',
  'workflowId',
  'runId',
  'namespace',
  'taskToken',
  'timestamp',
  'isLocal',
  'attempt',
  'activityId',
]);

/**
 * By time: what worker and supervisor say of the run, and what they say of none.
 *
 * @returns at most 200 lines by a key that stays the same as the log grows
 */
export async function logOf(runId: string): Promise<Record<string, LogLine>> {
  const files = [
    ['worker', supervisorFiles.workerLog()],
    ['supervisor', supervisorFiles.log()],
  ] as const;
  const found = await Promise.all(
    files.map(async ([name, path]) =>
      (await tail(path)).flatMap(({ at, text }) => {
        const line = aboutRun(text, runId);
        return line === undefined ? [] : [{ key: `${name} ${String(at)}`, line }];
      }),
    ),
  );
  const lines = found.flat().sort((a, b) => (a.line.at ?? 0) - (b.line.at ?? 0));
  return Object.fromEntries(lines.slice(-MOST_LINES).map(({ key, line }) => [key, line]));
}

/** @returns undefined for a line about another run, or about nothing that a person wants to know */
export function aboutRun(text: string, runId: string): LogLine | undefined {
  const record = parse(text);
  if (record === undefined) {
    return text.trim() === '' ? undefined : { level: 'info', text: shown(text) };
  }
  const of = record['workflowId'] ?? record['runId'];
  if (typeof of === 'string' && of !== runId && !of.startsWith(`${runId}/`)) return undefined;
  const { level, time, msg } = record;
  const isNoise = of === undefined && /not polling for/u.test(String(msg));
  if (isNoise) return undefined;
  const facts = Object.entries(record)
    .filter(([key]) => !SILENT.has(key))
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return {
    ...(typeof time === 'number' ? { at: time } : {}),
    level: typeof level !== 'number' || level < WARNING ? 'info' : level < ERROR ? 'warning' : 'error',
    text: shown([typeof msg === 'string' ? msg : '', ...facts].join('  ')),
  };
}

function shown(text: string): string {
  return withoutSecrets(printable(text)).slice(0, LINE_CHARACTERS);
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whole lines of the file's last bytes, each with its place in the file; none where there is no file. */
async function tail(path: string): Promise<{ readonly at: number; readonly text: string }[]> {
  let file;
  try {
    file = await open(path, 'r');
  } catch {
    return [];
  }
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
    const lines: { at: number; text: string }[] = [];
    let from = 0;
    for (let end = buffer.indexOf(10); end !== -1 && end < bytesRead; end = buffer.indexOf(10, from)) {
      if (from > 0 || start === 0) lines.push({ at: start + from, text: buffer.toString('utf8', from, end) });
      from = end + 1;
    }
    return lines;
  } finally {
    await file.close();
  }
}
