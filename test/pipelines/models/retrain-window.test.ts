/** The decision about a candidate while people move the current model: it counts against what is current, or not at all. */
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { applyGate } from '../../../pipelines/models/gate.ts';
import { recordText } from '../../../pipelines/models/records.ts';
import {
  listMoves,
  moveCurrent,
  readCurrent,
  registerVersion,
  rollback,
} from '../../../pipelines/models/registry.ts';
import { candidateSpec, decideWindow, type DecideInput } from '../../../pipelines/models/retrain-window.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { runConfigSchema } from '../../../schemas/config/config.ts';
import { gateConfigSchema } from '../../../schemas/config/retrain-config.ts';
import { storePaths } from '../../../schemas/names.ts';
import { newFolder } from '../shards/fixtures.ts';
import { driftOf, newVersion, scores } from './made-up-history.ts';

const MODEL = 'emotions';
const NOW = new Date('2026-05-01T10:00:00Z');
const START = { dataset: { name: 'clips', version: 'snapshot' }, parent: 1 };
const config = runConfigSchema.parse({ name: MODEL, dataset: { format: 'folder', root: '/clips' } });

let store: Store;

/** Version 1 is good; 2, which the gate took, turns out to be broken. */
beforeEach(async () => {
  store = openStore(`file:${join(newFolder(), 'store')}`);
  for (const id of ['good', 'broken']) await registerVersion(store, newVersion(MODEL, id), NOW);
  await moveCurrent(store, { model: MODEL, to: 1, by: 'first', reason: 'first', now: NOW });
  await moveCurrent(store, { model: MODEL, to: 2, by: 'gate', reason: 'seemed better', now: NOW });
});

const decide = async (against: number, other: Store = store) => {
  const input: DecideInput = {
    store: other,
    config,
    model: MODEL,
    window: 1,
    start: START,
    against,
    now: NOW,
  };
  return await decideWindow(input);
};
const current = async () => (await readCurrent(store, MODEL))?.version.version;
const undo = async () => await rollback(store, { model: MODEL, reason: 'it is broken', now: NOW });

function comparison(candidate: number, against: number) {
  return { heldOut: { candidate: scores(candidate, 240), current: scores(against, 240) } };
}

async function compared(against: number, candidate: number, accuracy: number): Promise<void> {
  const judged = { comparison: comparison(candidate, accuracy), drift: driftOf(['even', 'odd'], 1) };
  await store.put(storePaths.retrainWindowComparison(MODEL, 1, against), recordText(judged));
}

/** Version 3, judged against the broken one and better than that. */
async function registerCandidate(): Promise<void> {
  const { trainingId } = await candidateSpec({ store, config, model: MODEL, window: 1 }, START.dataset, 1);
  await compared(2, 0.5, 0.1);
  await registerVersion(
    store,
    newVersion(MODEL, trainingId, {
      window: 1,
      decision: applyGate(gateConfigSchema.parse({}), comparison(0.5, 0.1)),
      decidedAgainst: 2,
    }),
    NOW,
  );
}

describe('a candidate that is better than a broken current model', () => {
  it('becomes current while that is', async () => {
    await registerCandidate();
    expect(await decide(2)).toMatchObject({ version: 3, promoted: true });
    expect(await current()).toBe(3);
  });

  it('does not after a person rolled that back, unless it is better than what is current now', async () => {
    await registerCandidate();
    // The worker died here; before the next one decides, somebody goes back to version 1.
    await undo();
    expect(await decide(2)).toEqual({ compareWith: 1 });
    expect(await current()).toBe(1);
    await compared(1, 0.5, 0.9);
    expect(await decide(1)).toMatchObject({
      version: 3,
      promoted: false,
      note: expect.stringContaining('90.00 %') as string,
    });
    expect(await current()).toBe(1);
  });

  it('does when it is better than that too', async () => {
    await registerCandidate();
    await undo();
    await compared(1, 0.95, 0.9);
    expect(await decide(1)).toMatchObject({ version: 3, promoted: true });
    expect((await listMoves(store, MODEL)).at(-1)).toMatchObject({ from: 1, to: 3, by: 'gate' });
  });

  it('does not even when the person is quicker by a moment', async () => {
    await registerCandidate();
    let struck = false;
    const create: Store['create'] = async (path, bytes) => {
      if (path.includes('/moves/') && !struck) {
        struck = true;
        await undo();
      }
      return await store.create(path, bytes);
    };
    const racing = new Proxy(store, {
      get: (target, name) => {
        if (name === 'create') return create;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    expect(await decide(2, racing)).toEqual({ compareWith: 1 });
    expect(struck).toBe(true);
    expect(await current()).toBe(1);
  });

  it('was moved to once: a retry after a rollback of it changes nothing', async () => {
    await registerCandidate();
    await decide(2);
    await undo();
    await store.delete(storePaths.retrainWindowOutcome(MODEL, 1));
    expect(await decide(2)).toMatchObject({ version: 3, promoted: true });
    expect(await current()).toBe(2);
  });
});
