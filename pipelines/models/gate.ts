/** The gate: whether a candidate may become the current model. Pure. */
import type { GateConfig } from '../../schemas/config/retrain-config.ts';
import type { GateDecision, ModelComparison } from '../../schemas/retrain.ts';
import type { Scores } from '../../schemas/training.ts';

interface Judgement {
  readonly met: boolean;
  readonly reason: string;
}

const METRIC_NAMES: Readonly<Record<GateConfig['metric'], string>> = {
  accuracy: 'accuracy',
  macroF1: 'macro F1',
};

/** What a difference of two shares may be off by, as floating-point numbers. */
const ROUNDING = 1e-9;

/**
 * Every condition is asked, and each gives one sentence, whatever the others say. Without a current model there is
 * nothing to be worse than: the first one is taken.
 */
export function applyGate(gate: GateConfig, comparison: ModelComparison): GateDecision {
  const judgements =
    comparison.heldOut.current === undefined ? [first(gate, comparison)] : asked(gate, comparison);
  return {
    promoted: judgements.every(({ met }) => met),
    reasons: judgements.map(({ reason }) => reason),
    gate,
  };
}

function first(gate: GateConfig, { heldOut: { candidate } }: ModelComparison): Judgement {
  return {
    met: true,
    reason: `There is no current model: this one, with a held-out ${METRIC_NAMES[gate.metric]} of ${percent(candidate[gate.metric])} on ${clips(candidate.samples)}, is the first.`,
  };
}

function asked(gate: GateConfig, { heldOut, newData }: ModelComparison): Judgement[] {
  const { samples } = heldOut.candidate;
  const enough = samples >= gate.minClips;
  return [
    {
      met: enough,
      reason: `The held-out set has ${clips(samples)}, ${enough ? 'enough' : 'too few'}: at least ${String(gate.minClips)} are asked.`,
    },
    gained('Held-out', gate, heldOut.candidate, heldOut.current, gate.minGain),
    onNewData(gate, newData),
  ];
}

function onNewData(gate: GateConfig, newData: ModelComparison['newData']): Judgement {
  if (newData === undefined) {
    return { met: true, reason: "None of the window's clips is held out, so new data is not asked about." };
  }
  const { samples } = newData.candidate;
  if (samples < gate.minNewClips) {
    return {
      met: true,
      reason: `Of the window's clips ${String(samples)} ${samples === 1 ? 'is' : 'are'} held out, too few to ask about new data: at least ${String(gate.minNewClips)} are needed.`,
    };
  }
  return gained('New-data', gate, newData.candidate, newData.current, gate.minNewGain);
}

/** @param minGain candidate minus current, as a share */
function gained(
  set: string,
  gate: GateConfig,
  candidate: Scores,
  current: Scores | undefined,
  minGain: number,
): Judgement {
  const score = `${set} ${METRIC_NAMES[gate.metric]} on ${clips(candidate.samples)}`;
  if (current === undefined) {
    return {
      met: true,
      reason: `${score}: ${percent(candidate[gate.metric])}, with nothing to compare it with.`,
    };
  }
  const gain = candidate[gate.metric] - current[gate.metric];
  const met = gain >= minGain - ROUNDING;
  return {
    met,
    reason:
      `${score}: ${percent(candidate[gate.metric])} against the current model's ${percent(current[gate.metric])}, ` +
      `a gain of ${points(gain)}, ${met ? 'not less' : 'less'} than the ${points(minGain)} asked.`,
  };
}

function clips(count: number): string {
  return `${String(count)} ${count === 1 ? 'clip' : 'clips'}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

function points(share: number): string {
  // Without "-0.00" where the difference is rounding.
  const rounded = Math.round(share * 1e4) / 100 + 0;
  return `${rounded < 0 ? '−' : ''}${Math.abs(rounded).toFixed(2)} points`;
}
