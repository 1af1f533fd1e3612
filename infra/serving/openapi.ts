/** The OpenAPI document of the server, made of the schemas that requests and answers are checked by. */
import { z } from 'zod';
import {
  clipAnswerSchema,
  errorAnswerSchema,
  headSchema,
  healthSchema,
  predictAnswerSchema,
  predictRequestSchema,
  problemSchema,
  readySchema,
  servedModelSchema,
} from '../../schemas/serving.ts';

const REF = '#/components/schemas/';

/** All that have a name: one that is missing here would stand in none of the document's places. */
const SCHEMAS = {
  PredictRequest: predictRequestSchema,
  PredictAnswer: predictAnswerSchema,
  ErrorAnswer: errorAnswerSchema,
  Health: healthSchema,
  Ready: readySchema,
  Model: servedModelSchema,
  ClipAnswer: clipAnswerSchema,
  Head: headSchema,
  Problem: problemSchema,
} as const;
const NAMED = z.registry<{ id: string }>();
for (const [id, schema] of Object.entries(SCHEMAS)) NAMED.add(schema, { id });

const json = (id: string) => ({ 'application/json': { schema: { $ref: `${REF}${id}` } } });
const problem = (description: string) => ({ description, content: json('ErrorAnswer') });
const later = (description: string) => ({
  ...problem(description),
  headers: { 'Retry-After': { description: 'seconds', schema: { type: 'integer' } } },
});

/** @param version of this release */
export function openApiDocument(version: string): object {
  const { schemas } = z.toJSONSchema(NAMED, { uri: (id) => `${REF}${id}` });
  return {
    openapi: '3.1.0',
    info: {
      title: 'Modalmix: predictions',
      version,
      description: 'Class probabilities of clips by a trained model, fused and of each branch.',
    },
    components: {
      schemas: Object.fromEntries(
        Object.entries(schemas).map(([id, { $schema: _schema, $id: _id, ...schema }]) => [id, schema]),
      ),
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
    security: [{}, { token: [] }],
    paths: {
      '/v1/predict': {
        post: {
          operationId: 'predict',
          summary: 'What the model says of one clip or many; a clip that cannot be used costs only itself.',
          requestBody: {
            required: true,
            content: {
              ...json('PredictRequest'),
              'multipart/form-data': {
                schema: {
                  type: 'object',
                  properties: { clip: { type: 'array', items: { type: 'string', format: 'binary' } } },
                },
              },
            },
          },
          responses: {
            200: { description: 'an answer a clip, in order', content: json('PredictAnswer') },
            400: problem('the body is not as it should be'),
            401: problem('the token is missing or wrong'),
            403: problem('a page of another site asks'),
            413: problem('too large, or too many clips'),
            415: problem('another content type'),
            421: problem('not known by that host name'),
            429: later('too much is under way'),
            503: later('no model can answer now, or the server stops'),
            504: problem('it took longer than the limit'),
          },
        },
      },
      '/health': {
        get: {
          operationId: 'health',
          summary: 'The process lives.',
          responses: { 200: { description: 'it does', content: json('Health') } },
        },
      },
      '/ready': {
        get: {
          operationId: 'ready',
          summary: 'A model is loaded.',
          responses: {
            200: { description: 'it is', content: json('Ready') },
            503: { description: 'it is not', content: json('Ready') },
          },
        },
      },
      '/metrics': {
        get: {
          operationId: 'metrics',
          summary: 'For Prometheus.',
          responses: { 200: { description: 'its text format', content: { 'text/plain': {} } } },
        },
      },
    },
  };
}
