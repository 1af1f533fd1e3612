/** The last look before an activity touches anything: whether the workflow that scheduled it is one of ours. */
import type { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ActivityInterceptors, WorkerOptions } from '@temporalio/worker';
import type { ErrorKind } from '../../schemas/errors.ts';
import { REFUSAL_FIX, openArguments, purposes, refusalSentence } from '../../schemas/seals.ts';
import { dataConverterOf, sealingInterceptor, type Protection } from '../temporal/protection.ts';
import { tracingActivity, tracingSinks } from '../temporal/tracing.ts';

/** What a worker is given so that it obeys what is signed alone, and traces what it does. */
export function workerProtection(
  protection: Protection,
): Required<Pick<WorkerOptions, 'dataConverter' | 'interceptors' | 'sinks'>> {
  return {
    dataConverter: dataConverterOf(protection),
    interceptors: {
      client: { workflow: [sealingInterceptor(protection)] },
      activity: [refuseUnsigned(protection.signing !== undefined), tracingActivity],
    },
    sinks: tracingSinks,
  };
}

function refuseUnsigned(mustBeSealed: boolean): (context: Context) => ActivityInterceptors {
  return ({ info }) => ({
    inbound: {
      execute: async (input, next) => {
        const purpose = purposes.activity(info.activityType);
        const opened = openArguments(input.args, purpose, info.scheduledTimestampMs, mustBeSealed);
        if (!('refused' in opened)) return await next({ ...input, args: opened.args });
        throw ApplicationFailure.create({
          type: 'config' satisfies ErrorKind,
          message: refusalSentence(opened.refused),
          nonRetryable: true,
          details: [{ fix: REFUSAL_FIX }],
        });
      },
    },
  });
}
