/** What `npm audit` says, judged: high and critical findings that nobody has explained. Pure. */
import { z } from 'zod';

const HIGH = ['high', 'critical'];

const reportSchema = z.looseObject({
  vulnerabilities: z.record(
    z.string(),
    z.looseObject({
      name: z.string(),
      severity: z.string(),
      /** Advisories, and names of packages that have theirs. */
      via: z.array(
        z.union([
          z.string(),
          z.looseObject({ url: z.string(), title: z.string(), severity: z.string(), range: z.string() }),
        ]),
      ),
    }),
  ),
});

/** `audit-exceptions.json`: by the advisory's address. */
export const auditExceptionsSchema = z.record(
  z.url(),
  z.strictObject({
    /** Why it does not matter here. */
    reason: z.string().min(20),
    /** It counts again from this day on. */
    until: z.iso.date(),
  }),
);
export type AuditExceptions = z.infer<typeof auditExceptionsSchema>;

export type AuditVerdict =
  | { readonly as: 'passed'; readonly explained: number; readonly lower: number }
  | { readonly as: 'failed'; readonly findings: readonly string[] }
  /** There was no answer: nothing is known. */
  | { readonly as: 'not-asked'; readonly why: string };

/**
 * @param output what `npm audit --json` printed
 * @param today ISO date
 */
export function judgeAudit(output: string, exceptions: AuditExceptions, today: string): AuditVerdict {
  let content: unknown;
  try {
    content = JSON.parse(output);
  } catch {
    return { as: 'not-asked', why: 'npm printed no report' };
  }
  const report = reportSchema.safeParse(content);
  if (!report.success) {
    const told = z.looseObject({ message: z.string() }).safeParse(content);
    return { as: 'not-asked', why: told.success ? told.data.message : 'npm printed no report' };
  }
  const advisories = new Map(
    Object.values(report.data.vulnerabilities).flatMap(({ name, via }) =>
      via.flatMap((one) => (typeof one === 'string' ? [] : [[one.url, { name, ...one }] as const])),
    ),
  );
  const high = [...advisories.values()].filter(({ severity }) => HIGH.includes(severity));
  const open = high.filter(({ url }) => (exceptions[url]?.until ?? '') <= today);
  if (open.length === 0) {
    return { as: 'passed', explained: high.length, lower: advisories.size - high.length };
  }
  return {
    as: 'failed',
    findings: open.map(
      ({ name, severity, title, url, range }) => `${name} ${range}: ${severity}, ${title} (${url})`,
    ),
  };
}
