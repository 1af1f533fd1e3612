import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { clipEventJsonSchema } from '../../schemas/stream-json-schema.ts';

test('the JSON schema in docs/ is that of the clip events which ingest accepts', async () => {
  const file = new URL('../../docs/clip-event.schema.json', import.meta.url);
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(clipEventJsonSchema());
});
