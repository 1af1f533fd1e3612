/**
 * Holds workflows to what is signed. What comes in was judged by who decoded it (`schemas/seals.ts`) and is looked at here
 * before the workflow sees it; what goes out gets its seal, so that activities, children and the next execution
 * take it. Where nothing is signed, as in the replay of a history from before, it changes nothing.
 */
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import {
  ApplicationFailure,
  log,
  workflowInfo,
  type WorkflowInterceptorsFactory,
  type WorkflowInternalsInterceptor,
} from '@temporalio/workflow';
import type { ErrorKind } from '../schemas/errors.ts';
import {
  REFUSAL_FIX,
  TRUST_METADATA,
  isRefusal,
  openArguments,
  purposes,
  refusalSentence,
  sealed,
  wasBegunBefore,
  type RefusalReason,
  type Seal,
} from '../schemas/seals.ts';
import { keepFailuresSecret } from './failure-converter.ts';

type Activation = Parameters<NonNullable<WorkflowInternalsInterceptor['activate']>>[0]['activation'];
type Job = NonNullable<Activation['jobs']>[number];
type Init = NonNullable<Job['initializeWorkflow']>;

/** How this execution was begun. */
interface Beginning {
  readonly refused?: RefusalReason;
  /** Whether what it gets has to be signed; not of one that an earlier version began, nor where there is no key. */
  readonly isSealed: boolean;
  /** What goes out is sealed; absent: nothing is. */
  readonly seal?: Omit<Seal, 'modalmix:for'>;
}

export const interceptors: WorkflowInterceptorsFactory = () => {
  let beginning: Beginning = { isSealed: false };
  const seal = (args: readonly unknown[], purpose: string) =>
    beginning.seal === undefined ? [...args] : sealed(args, { 'modalmix:for': purpose, ...beginning.seal });

  return {
    internals: [
      {
        activate: (input, next) => {
          const { jobs } = input.activation;
          for (const { initializeWorkflow: init } of jobs ?? []) {
            if (init === null || init === undefined) continue;
            beginning = begin(init);
            keepFailuresSecret(beginning.seal?.secret ?? false);
          }
          input.activation.jobs = jobs?.filter((job) => isObeyed(job, beginning)) ?? null;
          for (const job of jobs ?? []) refuseResults(job);
          next(input);
        },
      },
    ],
    inbound: [
      {
        execute: async (input, next) => {
          if (beginning.refused !== undefined) throw refusal(beginning.refused);
          return await next(input);
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) =>
          next({ ...input, args: seal(input.args, purposes.activity(input.activityType)) }),
        startChildWorkflowExecution: (input, next) => {
          const args = seal(input.options.args, purposes.workflow(input.workflowType));
          return next({ ...input, options: { ...input.options, args } });
        },
        signalWorkflow: (input, next) =>
          next({ ...input, args: seal(input.args, purposes.signal(input.signalName)) }),
        continueAsNew: (input, next) => {
          const purpose = purposes.workflow(input.options.workflowType);
          return next({ ...input, args: seal(input.args, purpose) });
        },
      },
    ],
  };
};

function begin(init: Init): Beginning {
  const { workflowType } = workflowInfo();
  const payloads = init.arguments ?? [];
  const isSigned = trustOf(payloads) !== undefined;
  const opened = open(payloads, purposes.workflow(workflowType), isSigned);
  // Each of ours is told what to work at; without that there was nothing to sign.
  if ('refused' in opened) return { isSealed: true, refused: opened.refused };
  init.arguments = opened.payloads;
  if (opened.payloads.length === 0) return { isSealed: true, refused: 'unsigned' };
  const { seal } = opened;
  if (opened.old) return { isSealed: false, seal: {} };
  return {
    isSealed: isSigned,
    ...(seal === undefined ? {} : { seal: seal.secret === true ? { secret: true } : {} }),
  };
}

/** A signal that nobody of ours has sent is as if it had not come. */
function isObeyed({ signalWorkflow: signal }: Job, { isSealed }: Beginning): boolean {
  if (signal === null || signal === undefined) return true;
  const payloads = signal.input ?? [];
  const name = signal.signalName ?? '';
  const opened = open(payloads, purposes.signal(name), isSealed || trustOf(payloads) !== undefined);
  if ('refused' in opened) {
    log.warn(`signal ${name} ${refusalSentence(opened.refused)}`);
    return false;
  }
  signal.input = opened.payloads;
  return true;
}

function refuseResults({ resolveActivity, resolveChildWorkflowExecution }: Job): void {
  for (const result of [resolveActivity?.result, resolveChildWorkflowExecution?.result]) {
    const payload = result?.completed?.result;
    if (result === null || result === undefined || payload === null || payload === undefined) continue;
    if (trustOf([payload]) !== 'refused') continue;
    const value: unknown = defaultPayloadConverter.fromPayload(payload);
    if (!isRefusal(value)) continue;
    if (wasBegunBefore(value, beganAtMs())) {
      result.completed = { result: defaultPayloadConverter.toPayload(value.values[0]) };
      continue;
    }
    result.completed = null;
    result.failed = {
      failure: {
        message: `a result was ${refusalSentence(value['modalmix:refused'])}`,
        applicationFailureInfo: { type: 'config' satisfies ErrorKind, nonRetryable: true },
      },
    };
  }
}

type OpenedPayloads =
  | { readonly payloads: Payload[]; readonly seal: Seal | undefined; readonly old: boolean }
  | { readonly refused: RefusalReason };

function open(payloads: readonly Payload[], purpose: string, mustBeSealed: boolean): OpenedPayloads {
  const args = payloads.map((payload): unknown => defaultPayloadConverter.fromPayload(payload));
  const opened = openArguments(args, purpose, beganAtMs(), mustBeSealed);
  if ('refused' in opened) return opened;
  const { seal, old } = opened;
  if (old)
    return { payloads: opened.args.map((value) => defaultPayloadConverter.toPayload(value)), seal, old };
  return { payloads: payloads.slice(0, opened.args.length), seal, old };
}

function beganAtMs(): number {
  return workflowInfo().startTime.getTime();
}

/** @returns undefined where nobody judges */
function trustOf([first]: readonly Payload[]): string | undefined {
  const trust = first?.metadata?.[TRUST_METADATA];
  return trust === undefined ? undefined : String.fromCharCode(...trust);
}

function refusal(reason: RefusalReason): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'config' satisfies ErrorKind,
    message: `the run was ${refusalSentence(reason)}`,
    nonRetryable: true,
    details: [{ fix: REFUSAL_FIX }],
  });
}
