import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import {
  clipEventJsonSchema,
  predictionJsonSchema,
  reviewJsonSchema,
} from '../../schemas/stream-json-schema.ts';

test.each([
  ['clip-event', clipEventJsonSchema()],
  ['prediction', predictionJsonSchema()],
  ['review', reviewJsonSchema()],
])('docs/%s.schema.json is the schema that both sides validate by', async (name, schema) => {
  const file = new URL(`../../docs/${name}.schema.json`, import.meta.url);
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(schema);
});
