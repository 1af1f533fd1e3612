/** Contracts of `modalmix serve`: what is asked over HTTP, and what is answered. */
import { z } from 'zod';
import { modalitySchema } from './modality.ts';

const LONGEST_URI = 4_096;

/** Body of `POST /v1/predict` as JSON; uploads are `multipart/form-data` with a part a file. */
export const predictRequestSchema = z
  .strictObject({
    clips: z
      .array(
        z.strictObject({
          uri: z
            .string()
            .max(LONGEST_URI)
            .describe('file:///… on the server, within a folder that it allows (--allow-root)'),
        }),
      )
      .min(1),
  })
  .meta({ id: 'PredictRequest' });
export type PredictRequest = z.infer<typeof predictRequestSchema>;

export const headSchema = z
  .strictObject({
    logits: z.array(z.number()),
    probabilities: z.array(z.number()).describe('by classNames, of sum 1'),
  })
  .meta({ id: 'Head' });

export const problemSchema = z
  .strictObject({ code: z.string().describe('for programs'), reason: z.string().describe('for a person') })
  .meta({ id: 'Problem' });

export const clipAnswerSchema = z
  .union([
    z.strictObject({
      clip: z.string().describe("the upload's file name, or the URI"),
      predicted: z.string().describe('the class with the highest probability of the fused model'),
      fused: headSchema,
      branches: z.partialRecord(modalitySchema, headSchema).describe('of the modalities that the clip has'),
      missing: z.partialRecord(modalitySchema, problemSchema).describe('of those that it lacks, why'),
    }),
    z.strictObject({ clip: z.string(), error: problemSchema.describe('why this clip alone has no answer') }),
  ])
  .meta({ id: 'ClipAnswer' });
export type ClipAnswer = z.infer<typeof clipAnswerSchema>;

export const servedModelSchema = z
  .strictObject({
    name: z.string().describe("of the registry; of a model that is not registered its training's id"),
    version: z.int().positive().optional().describe('of the registry'),
    trainingId: z.string(),
    epoch: z.int().positive(),
  })
  .meta({ id: 'Model' });
export type ServedModel = z.infer<typeof servedModelSchema>;

export const predictAnswerSchema = z
  .strictObject({
    requestId: z.string(),
    model: servedModelSchema.describe('the one version that answered all clips of the request'),
    classNames: z.array(z.string()),
    modalities: z.array(modalitySchema),
    clips: z.array(clipAnswerSchema).describe("in the request's order"),
  })
  .meta({ id: 'PredictAnswer' });
export type PredictAnswer = z.infer<typeof predictAnswerSchema>;

/** Of every answer that is not 2xx. */
export const errorAnswerSchema = z
  .strictObject({ requestId: z.string(), error: problemSchema })
  .meta({ id: 'ErrorAnswer' });
export type ErrorAnswer = z.infer<typeof errorAnswerSchema>;

export const healthSchema = z.strictObject({ status: z.literal('ok') }).meta({ id: 'Health' });
export const readySchema = z
  .strictObject({ ready: z.boolean(), model: servedModelSchema.optional() })
  .meta({ id: 'Ready' });

export interface ServingLimits {
  /** Of a request, uploads together. */
  readonly bodyBytes: number;
  /** Of one file that a URI names. */
  readonly clipBytes: number;
  readonly clipsPerRequest: number;
  /** From its first byte to its answer. */
  readonly requestMs: number;
  /** At once, also those whose uploads come in. */
  readonly requestsInFlight: number;
}
