// @ts-check
/**
 * Words and stacks of failures as a payload, which is encrypted as others are. Temporal's workers and clients load it by
 * its path.
 */
import { DefaultFailureConverter } from '@temporalio/common';

export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
