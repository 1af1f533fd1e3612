/** The part of pino that the stream's workers use. */
export interface Log {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

export const SILENT_LOG: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Logs each text once, however often the work that it is about begins anew. */
export function warnOnce(log: Log): (text: string) => void {
  const told = new Set<string>();
  return (text) => {
    if (told.has(text)) return;
    told.add(text);
    log.warn({}, text);
  };
}
