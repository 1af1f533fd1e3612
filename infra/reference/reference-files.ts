/** The files that are made from the sources: their paths from the project's root, and what must stand in them. */
import { format } from 'prettier';
import { noticeJsonSchema } from '../../schemas/notice.ts';
import {
  clipEventJsonSchema,
  predictionJsonSchema,
  reviewJsonSchema,
} from '../../schemas/stream-json-schema.ts';
import { contractJsonSchema } from '../../schemas/contract.ts';
import { configJsonSchema, type ConfigFile, type SchemaNode } from './config-schema.ts';
import { configPage } from './config-page.ts';

const STYLE = { singleQuote: true, printWidth: 110 };

export async function referenceFiles(): Promise<Map<string, string>> {
  const schemas: Record<ConfigFile, SchemaNode> = {
    run: configJsonSchema('run'),
    experiment: configJsonSchema('experiment'),
    search: configJsonSchema('search'),
  };
  const json = async (value: unknown) => await format(JSON.stringify(value), { ...STYLE, parser: 'json' });
  return new Map([
    ['schemas/json/run.schema.json', await json(schemas.run)],
    ['schemas/json/experiment.schema.json', await json(schemas.experiment)],
    ['schemas/json/search.schema.json', await json(schemas.search)],
    ['docs/clip-event.schema.json', await json(clipEventJsonSchema())],
    ['docs/prediction.schema.json', await json(predictionJsonSchema())],
    ['docs/review.schema.json', await json(reviewJsonSchema())],
    ['docs/notice.schema.json', await json(noticeJsonSchema())],
    ['docs/contract.schema.json', await json(contractJsonSchema())],
    ['docs/config.md', configPage(schemas)],
  ]);
}
