/** A window of new clips, and one of answers, as the pages of models and streams show them. */
import type { AnswerWindow } from '../../../schemas/answer-window.ts';
import type { RetrainWindow } from '../../../schemas/retrain.ts';
import type { AnswersLine, ModelFacts } from '../../wire.ts';

export function windowLine(
  { number, newClips, closedAt, reason }: RetrainWindow,
  note: string | undefined,
): ModelFacts['windows'][number] {
  return { number, newClips, closedAt, reason, ...(note === undefined ? {} : { note }) };
}

export function answersLine(window: AnswerWindow): AnswersLine {
  const { number, version, from, to, answers, confidence, entropy, classDistance, distanceFactor } = window;
  const { answers: labelled, accuracy, calibrationError } = window.labelled;
  return {
    ...{ number, version, from, to, answers, confidence, entropy, classDistance, labelled },
    ...(distanceFactor === undefined ? {} : { distanceFactor }),
    ...(accuracy === undefined ? {} : { accuracy }),
    ...(calibrationError === undefined ? {} : { calibrationError }),
    alarms: window.alarms.map(({ message }) => message),
  };
}
