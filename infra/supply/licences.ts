/** Which licences the packages of the lockfile may have, those of development among them. Pure. */
import { z } from 'zod';

/** Permissive, or weak copyleft that a program may use without coming under it. */
export const ALLOWED_LICENCES: ReadonlySet<string> = new Set([
  ...['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'CC0-1.0', 'ISC', 'MIT'],
  ...['MPL-2.0', 'OFL-1.1', 'Unlicense'],
]);

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({ version: z.string().optional(), license: z.string().optional(), dev: z.boolean().optional() }),
  ),
});

/** `licence-exceptions.json`: a package's name, or the beginning of several with `*` at its end. */
export const exceptionsSchema = z.record(
  z.string(),
  z.strictObject({
    /** As the lockfile says it; `none`: it says nothing. Another one is not explained by this. */
    licence: z.string(),
    /** Why it may be there. */
    reason: z.string().min(20),
  }),
);
export type LicenceExceptions = z.infer<typeof exceptionsSchema>;

export interface LicenceReport {
  readonly packages: number;
  /** For a person, each what is not allowed and not explained. */
  readonly problems: readonly string[];
}

/**
 * @param lock `package-lock.json`
 * @throws ZodError when one of the two has another form
 */
export function checkLicences(lock: unknown, exceptions: LicenceExceptions): LicenceReport {
  const used = new Set<string>();
  const problems: string[] = [];
  const entries = Object.entries(lockSchema.parse(lock).packages).filter(([path]) => path !== '');
  for (const [path, { version = '', license = 'none' }] of entries) {
    if (isAllowed(license)) continue;
    const name = path.replace(/^.*node_modules\//u, '');
    const key = Object.keys(exceptions).find((one) =>
      one.endsWith('*')
        ? name.startsWith(one.slice(0, -1)) && exceptions[one]?.licence === license
        : one === name,
    );
    if (key !== undefined) used.add(key);
    if (key !== undefined && exceptions[key]?.licence === license) continue;
    problems.push(`${name} ${version}: its licence is ${license}, which is neither allowed nor explained`);
  }
  for (const key of Object.keys(exceptions)) {
    if (!used.has(key)) problems.push(`${key}: it is explained, and no package needs that`);
  }
  return { packages: entries.length, problems };
}

/** An SPDX expression without parentheses within: `A OR B`, `(A AND B)`. */
function isAllowed(expression: string): boolean {
  return expression
    .replace(/^\((.*)\)$/u, '$1')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every((licence) => ALLOWED_LICENCES.has(licence.trim())));
}
