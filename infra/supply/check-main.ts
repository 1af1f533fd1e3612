/**
 * `npm run licences` and `npm run audit`: ends with 1 where something is neither allowed nor explained, and with 75 ("try
 * again later") where the registry could not be asked, which is no pass.
 */
import { readFileSync } from 'node:fs';
import { execa } from 'execa';
import { PROJECT_FOLDER } from '../folders.ts';
import { auditExceptionsSchema, judgeAudit } from './audit.ts';
import { checkLicences, exceptionsSchema } from './licences.ts';

const NOT_ASKED = 75;

const json = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
const say = (line: string) => process.stdout.write(`${line}\n`);

function licences(): number {
  const exceptions = exceptionsSchema.parse(json('licence-exceptions.json'));
  const { packages, problems } = checkLicences(json('../../package-lock.json'), exceptions);
  for (const problem of problems) say(problem);
  if (problems.length === 0) say(`${String(packages)} packages, all of allowed or explained licences`);
  return problems.length === 0 ? 0 : 1;
}

async function audit(): Promise<number> {
  const exceptions = auditExceptionsSchema.parse(json('audit-exceptions.json'));
  const words = ['audit', '--json', '--package-lock-only'];
  const { stdout } = await execa('npm', words, { cwd: PROJECT_FOLDER, reject: false });
  const verdict = judgeAudit(stdout, exceptions, new Date().toISOString().slice(0, 10));
  switch (verdict.as) {
    case 'passed':
      say(
        `no high finding that is not explained (${String(verdict.explained)} are; ${String(verdict.lower)} are lower)`,
      );
      return 0;
    case 'failed':
      for (const finding of verdict.findings) say(finding);
      say('Update them, or explain each in infra/supply/audit-exceptions.json.');
      return 1;
    case 'not-asked':
      say(`The registry could not be asked, so nothing is known: ${verdict.why}`);
      return NOT_ASKED;
  }
}

process.exitCode = process.argv[2] === 'audit' ? await audit() : licences();
