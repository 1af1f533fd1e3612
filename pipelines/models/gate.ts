/** The gate: whether a candidate may become the current model. Pure. */
import type { GateConfig } from '../../schemas/config/retrain-config.ts';
import type { GateDecision, ModelComparison } from '../../schemas/retrain.ts';
import type { Scores } from '../../schemas/training.ts';
import { nonInferiorityPower, pairedDifferenceLimits } from '../statistics/paired-proportions.ts';

type Judged = ModelComparison['heldOut'];

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
    ...notInferior(gate, heldOut),
    onNewData(gate, newData),
  ];
}

/** By a paired test on the clips that one of the two alone has right; the others say nothing about the difference. */
function notInferior({ margin, level }: GateConfig, { candidate, alone }: Judged): Judgement[] {
  if (margin >= 1) return [];
  if (alone === undefined) {
    const reason = 'Which clips one model alone has right is not known, so chance is not asked about.';
    return [{ met: true, reason }];
  }
  const counts = { samples: candidate.samples, onlyFirst: alone.candidate, onlySecond: alone.current };
  const { lower } = pairedDifferenceLimits(counts, level);
  const met = lower > -margin;
  const power = nonInferiorityPower(counts, level, margin);
  return [
    {
      met,
      reason:
        `The candidate alone is right on ${clips(alone.candidate)}, the current model alone on ${String(alone.current)}: ` +
        `with ${confidence(level)} confidence a gain above ${points(lower)}, ${met ? 'within' : 'beyond'} the margin of ${points(-margin)} ` +
        `(of equally good candidates ${(100 * power).toFixed(0)} % would pass on so many clips).`,
    },
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
  const { candidate, current, alone } = newData;
  if (current === undefined || alone === undefined || gate.metric !== 'accuracy') {
    return gained('New-data', gate, candidate, current, gate.minNewGain);
  }
  const counts = { samples, onlyFirst: alone.candidate, onlySecond: alone.current };
  const { upper } = pairedDifferenceLimits(counts, gate.level);
  const met = upper >= gate.minNewGain;
  return {
    met,
    reason:
      `${scoreOf('New-data', gate, candidate, current)}, with ${confidence(gate.level)} confidence below ${points(upper)}: ` +
      `${met ? 'not shown to be' : 'shown to be'} less than the ${points(gate.minNewGain)} asked.`,
  };
}

/** @param minGain candidate minus current, as a share */
function gained(
  set: string,
  gate: GateConfig,
  candidate: Scores,
  current: Scores | undefined,
  minGain: number,
): Judgement {
  if (current === undefined) {
    return {
      met: true,
      reason: `${set} ${METRIC_NAMES[gate.metric]} on ${clips(candidate.samples)}: ${percent(candidate[gate.metric])}, with nothing to compare it with.`,
    };
  }
  const met = candidate[gate.metric] - current[gate.metric] >= minGain - ROUNDING;
  return {
    met,
    reason: `${scoreOf(set, gate, candidate, current)}, ${met ? 'not less' : 'less'} than the ${points(minGain)} asked.`,
  };
}

function scoreOf(set: string, { metric }: GateConfig, candidate: Scores, current: Scores): string {
  return (
    `${set} ${METRIC_NAMES[metric]} on ${clips(candidate.samples)}: ${percent(candidate[metric])} against the current model's ` +
    `${percent(current[metric])}, a gain of ${points(candidate[metric] - current[metric])}`
  );
}

function confidence(level: number): string {
  return `${String(Math.round(1000 * (1 - level)) / 10)} %`;
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
