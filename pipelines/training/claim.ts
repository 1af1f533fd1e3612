/**
 * One process trains a training at a time: others that want it too, or need it (two students of one teacher), wait and then
 * find it done. A claim saves work and guards nothing: two that train the same write the same bytes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ModalmixError } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import { isOwnerDead, ownedName } from '../store/scratch.ts';
import type { Store } from '../store/store.ts';

const RENEW_MS = 5_000;
/** A claim of another machine's that is not renewed for so long, by our own clock, is nobody's any more. */
const STALE_MS = 20_000;
const LOOK_MS = 500;

interface ClaimedInput {
  readonly store: Store;
  readonly trainingId: string;
  readonly stopRequested: () => boolean;
}

/**
 * @param work begins when nobody else is at the training; whether it is done by then is for `work` to see
 * @throws ModalmixError `cancelled` when it is to stop while it waits
 */
export async function withClaim<T>(input: ClaimedInput, work: () => Promise<T>): Promise<T> {
  const { store, trainingId } = input;
  const path = storePaths.trainingClaim(trainingId);
  const owner = ownedName('claim');
  let renewals = 0;
  const text = () => `${JSON.stringify({ owner, renewals })}\n`;
  // What a claim cannot be kept for, the training itself will tell.
  const claim = async () => await store.create(path, text()).catch(() => true);
  await untilClaimed(input, claim);
  const renewing = setInterval(() => {
    renewals += 1;
    void store.put(path, text()).catch(() => undefined);
  }, RENEW_MS);
  renewing.unref();
  try {
    return await work();
  } finally {
    clearInterval(renewing);
    await giveBack(store, path, owner);
  }
}

async function untilClaimed(
  { store, trainingId, stopRequested }: ClaimedInput,
  claim: () => Promise<boolean>,
): Promise<void> {
  const path = storePaths.trainingClaim(trainingId);
  let seen = '';
  let seenAt = performance.now();
  while (!(await claim())) {
    const found = (await store.find(path))?.toString();
    if (found === undefined) continue;
    if (found !== seen) [seen, seenAt] = [found, performance.now()];
    if (isOwnerDead(ownerOf(found)) === true || performance.now() - seenAt > STALE_MS) {
      await store.delete(path);
      continue;
    }
    if (stopRequested()) {
      throw new ModalmixError('cancelled', 'stopped while it waited for another process that trains it', {
        where: trainingId,
        fix: 'Start it again to go on.',
      });
    }
    await sleep(LOOK_MS);
  }
}

async function giveBack(store: Store, path: string, owner: string): Promise<void> {
  try {
    const found = (await store.find(path))?.toString();
    // Not that of who took it for nobody's.
    if (found !== undefined && ownerOf(found) === owner) await store.delete(path);
  } catch {
    // It is nobody's as soon as this process has ended.
  }
}

/** Empty where the file is damaged: a claim that nobody renews. */
function ownerOf(text: string): string {
  try {
    const { owner } = JSON.parse(text) as { readonly owner?: unknown };
    return typeof owner === 'string' ? owner : '';
  } catch {
    return '';
  }
}
