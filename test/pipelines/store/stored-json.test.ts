import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openStore } from '../../../pipelines/store/open-store.ts';
import { findStored, getStored, getStoredLines } from '../../../pipelines/store/stored-json.ts';
import { newFolder } from '../shards/fixtures.ts';

const schema = z.strictObject({ version: z.int() });

async function storeWith(path: string, text: string) {
  const store = openStore(`file:${newFolder()}`);
  await store.put(path, text);
  return store;
}

describe('a JSON file of the store', () => {
  it('is given as its schema has it, or not at all where there is none', async () => {
    const store = await storeWith('a.json', '{"version":3}');
    expect(await getStored(store, 'a.json', schema)).toEqual({ version: 3 });
    expect(await findStored(store, 'b.json', schema)).toBeUndefined();
  });

  it.each([
    ['empty', '', 'it is empty'],
    ['cut short', '{"version":', 'it is not JSON'],
    ['of another shape', '{"version":"3"}', 'version'],
  ])('that is %s is told by its path, with what to do', async (_, text, problem) => {
    const store = await storeWith('runs/x/result.json', text);
    await expect(getStored(store, 'runs/x/result.json', schema, 'remake')).rejects.toMatchObject({
      kind: 'input',
      where: `${store.uri}/runs/x/result.json`,
      message: expect.stringContaining(problem) as string,
      fix: expect.stringContaining('Delete it and run again') as string,
    });
  });

  it('of lines names the damaged line', async () => {
    const store = await storeWith('m.jsonl', '{"version":1}\n{"version":2}\n{"vers');
    await expect(getStoredLines(store, 'm.jsonl', schema)).rejects.toMatchObject({
      kind: 'input',
      where: `${store.uri}/m.jsonl, line 3`,
    });
    await store.put('m.jsonl', '{"version":1}\n{"version":2}\n');
    expect(await getStoredLines(store, 'm.jsonl', schema)).toEqual([{ version: 1 }, { version: 2 }]);
  });
});
