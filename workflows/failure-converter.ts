/** Failures of workflows: their words are a payload, and so encrypted, where the run's payloads are. */
import { DefaultFailureConverter, type FailureConverter } from '@temporalio/common';

const plain = new DefaultFailureConverter();
const encoded = new DefaultFailureConverter({ encodeCommonAttributes: true });

let isSecret = false;

/** Called before the workflow begins. */
export function keepFailuresSecret(secret: boolean): void {
  isSecret = secret;
}

export const failureConverter: FailureConverter = {
  errorToFailure: (error, payloads, context) =>
    (isSecret ? encoded : plain).errorToFailure(error, payloads, context),
  failureToError: (failure, payloads, context) => plain.failureToError(failure, payloads, context),
};
