/** A stage's progress in words. Pure. */
import type { StageProgress } from '../../schemas/progress.ts';

/** `120/288 steps, 3.4 steps/s, loss 1.234, epoch 2/5, 0:48 left` */
export function stageFacts(stage: StageProgress): string {
  if (stage.state === 'pending') return 'waiting';
  const facts = [
    stage.total > 0 ? `${String(stage.done)}/${String(stage.total)} ${stage.unit}` : undefined,
    stage.reused === undefined ? undefined : `${String(stage.reused)} reused`,
  ];
  if (stage.state === 'running') {
    facts.push(
      stage.ratePerS === undefined ? undefined : `${significant(stage.ratePerS)} ${stage.unit}/s`,
      stage.loss === undefined ? undefined : `loss ${stage.loss.toFixed(3)}`,
      stage.epoch === undefined
        ? undefined
        : `epoch ${String(stage.epoch)}${stage.epochs === undefined ? '' : `/${String(stage.epochs)}`}`,
      stage.etaS === undefined ? undefined : `${duration(stage.etaS)} left`,
    );
  }
  const told = facts.filter((fact) => fact !== undefined);
  return told.length === 0 ? (stage.state === 'done' ? 'done' : 'waiting for a worker') : told.join(', ');
}

/** Share done, 0…1; 0 while the total is unknown. */
export function shareDone(stage: StageProgress): number {
  if (stage.state === 'done') return 1;
  return stage.total > 0 ? Math.min(1, stage.done / stage.total) : 0;
}

/** `0:48`, `12:05`, `3:01:40` */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = `${h > 0 ? String(m).padStart(2, '0') : String(m)}:${String(s).padStart(2, '0')}`;
  return h > 0 ? `${String(h)}:${tail}` : tail;
}

function significant(rate: number): string {
  return rate >= 100
    ? rate.toFixed(0)
    : rate.toPrecision(2).replace(/\.?0+$/u, (zeros) => (zeros.startsWith('.') ? '' : zeros));
}
