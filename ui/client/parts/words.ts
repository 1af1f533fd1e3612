/** Numbers and times in words. Pure. */

/** `0:48`, `12:05`, `3:01:40` */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = `${h > 0 ? String(m).padStart(2, '0') : String(m)}:${String(s).padStart(2, '0')}`;
  return h > 0 ? `${String(h)}:${tail}` : tail;
}

/** `14:05` today, else `30 Nov 14:05`; the year where it is another. */
export function when(ms: number): string {
  const at = new Date(ms);
  const now = new Date();
  const time = at.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', hour12: false });
  if (at.toDateString() === now.toDateString()) return time;
  const day = at.toLocaleDateString(undefined, {
    day: 'numeric',
    month: 'short',
    ...(at.getFullYear() === now.getFullYear() ? {} : { year: 'numeric' }),
  });
  return `${day}, ${time}`;
}

export function clock(ms: number): string {
  return new Date(ms).toLocaleTimeString(undefined, { hour12: false });
}

export function count(n: number): string {
  return n.toLocaleString('en').replaceAll(',', '\u202f');
}

export function counted(n: number, word: string): string {
  return `${count(n)} ${n === 1 ? word : `${word}s`}`;
}

export function percent(share: number | undefined): string {
  return share === undefined ? '–' : `${(100 * share).toFixed(1)} %`;
}

export function plain(value: number | undefined): string {
  if (value === undefined) return '–';
  return Math.abs(value) >= 100
    ? value.toFixed(0)
    : Math.abs(value) >= 0.01 || value === 0
      ? value.toFixed(3)
      : value.toExponential(1);
}

/** Of a training that has told none yet: a dash. */
export function mebibytes(mib: number | undefined): string {
  return mib === undefined ? '–' : `${count(Math.round(mib))} MiB`;
}
