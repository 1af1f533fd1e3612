/** Programs that are started beside the command, by the file of the checkout that they start from. */
export const INFRA_PROGRAMS = {
  'supervisor-main': 'infra/supervisor/supervisor-main.ts',
  'worker-main': 'infra/workers/worker-main.ts',
  'stream-worker-main': 'infra/workers/stream-worker-main.ts',
} as const;
export type InfraProgram = keyof typeof INFRA_PROGRAMS;
