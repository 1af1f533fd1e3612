/** `runs/<id>/config.json`, of a run or of one training. */
import { z } from 'zod';
import { runConfigSchema } from './config/config.ts';
import { trainingSpecSchema } from './training.ts';
import { stored } from './versions.ts';

export const anyConfigSchema = z.union([trainingSpecSchema, runConfigSchema]);
stored('config', anyConfigSchema);
