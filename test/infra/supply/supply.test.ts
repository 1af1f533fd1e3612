import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../../../infra/folders.ts';
import { judgeAudit } from '../../../infra/supply/audit.ts';
import { checkLicences, exceptionsSchema } from '../../../infra/supply/licences.ts';
import { sbomText, type Bom } from '../../../infra/supply/sbom.ts';

const json = (path: string): unknown => JSON.parse(readFileSync(join(PROJECT_FOLDER, path), 'utf8'));
const lock = json('package-lock.json') as {
  packages: Record<string, { version?: string; dev?: boolean; integrity?: string }>;
};

describe('the bill of materials', () => {
  let text: string;
  let bom: Bom;
  beforeAll(async () => {
    text = await sbomText();
    bom = JSON.parse(text) as Bom;
  });

  it('names every package of the lockfile that is not for development alone, with its hash', () => {
    const found = new Set(bom.components.map(({ purl }) => decodeURIComponent(purl)));
    const wanted = Object.entries(lock.packages).filter(([path, one]) => path !== '' && one.dev !== true);
    expect(wanted.length).toBeGreaterThan(250);
    const names = wanted.map(
      ([path, { version = '' }]) => `pkg:npm/${path.replace(/^.*node_modules\//u, '')}@${version}`,
    );
    expect(names.filter((name) => !found.has(name))).toEqual([]);
    const npm = bom.components.filter(({ purl }) => purl.startsWith('pkg:npm/'));
    expect(npm.filter(({ hashes }) => !Array.isArray(hashes)).map(({ purl }) => purl)).toEqual([]);
  });

  it('names the wheels, jars and Go modules that set-up fetches, with the hashes that they are checked by', () => {
    const text256 = JSON.stringify(bom.components);
    const jars =
      readFileSync(join(PROJECT_FOLDER, 'infra/kafka/jars.sha256'), 'utf8').match(/^[0-9a-f]{64}/gmu) ?? [];
    const pinned = ['setup/tensorflow-package.ts', 'setup/wheels/wheel-programs.ts'].flatMap(
      (path) =>
        readFileSync(join(PROJECT_FOLDER, 'infra', path), 'utf8').match(/(?<=sha256: ')[0-9a-f]{64}/gu) ?? [],
    );
    expect(jars.length).toBeGreaterThan(80);
    expect(pinned.length).toBeGreaterThan(20);
    expect([...jars, ...pinned].filter((sha256) => !text256.includes(sha256))).toEqual([]);
    const purls = bom.components.map(({ purl }) => purl);
    expect(purls).toContain('pkg:maven/org.hdrhistogram/HdrHistogram@2.2.2');
    expect(purls.filter((purl) => purl.startsWith('pkg:golang/'))).toHaveLength(2);
    expect(new Set(bom.components.map((one) => one['bom-ref'])).size).toBe(bom.components.length);
  });

  it('is the same each time', async () => {
    expect(await sbomText()).toBe(text);
    expect(text).not.toMatch(/serialNumber|timestamp/u);
  });
});

describe('the licences', () => {
  it('of all packages are allowed, or explained in a file that says no more than that', () => {
    const exceptions = exceptionsSchema.parse(json('infra/supply/licence-exceptions.json'));
    expect(checkLicences(lock, exceptions).problems).toEqual([]);
  });

  it('tells a package whose licence is not, one that changed its licence, and an explanation that nothing needs', () => {
    const packages = {
      '': {},
      'node_modules/a': { version: '1.0.0', license: '(MIT OR GPL-3.0)' },
      'node_modules/b': { version: '1.0.0', license: 'MIT AND SSPL-1.0' },
      'node_modules/x/node_modules/@s/c': { version: '2.0.0', license: 'AGPL-3.0' },
      'node_modules/d': { version: '3.0.0' },
    };
    const reason = 'it is only used for the tests';
    const { problems } = checkLicences(
      { packages },
      { '@s/*': { licence: 'LGPL-3.0', reason }, d: { licence: 'none', reason } },
    );
    expect(problems).toEqual([
      'b 1.0.0: its licence is MIT AND SSPL-1.0, which is neither allowed nor explained',
      '@s/c 2.0.0: its licence is AGPL-3.0, which is neither allowed nor explained',
      '@s/*: it is explained, and no package needs that',
    ]);
  });
});

describe('the audit', () => {
  const advisory = (severity: string) => ({
    url: `https://a/${severity}`,
    title: 'T',
    severity,
    range: '<2',
  });
  const report = JSON.stringify({
    vulnerabilities: {
      a: { name: 'a', severity: 'high', via: [advisory('high'), advisory('low')] },
      b: { name: 'b', severity: 'high', via: ['a'] },
    },
  });
  const reason = 'we never call what it is about';

  it('fails on a high finding that nobody explained, or no longer', () => {
    const findings = ['a <2: high, T (https://a/high)'];
    expect(judgeAudit(report, {}, '2026-01-01')).toEqual({ as: 'failed', findings });
    const old = { 'https://a/high': { reason, until: '2026-01-01' } };
    expect(judgeAudit(report, old, '2026-01-01')).toEqual({ as: 'failed', findings });
    const known = { 'https://a/high': { reason, until: '2026-01-02' } };
    expect(judgeAudit(report, known, '2026-01-01')).toEqual({ as: 'passed', explained: 1, lower: 1 });
    expect(judgeAudit('{"vulnerabilities":{}}', {}, '2026-01-01')).toMatchObject({ as: 'passed' });
  });

  it('is no pass where the registry does not answer', () => {
    const refused = JSON.stringify({ message: '405 Method Not Allowed - POST https://r/', statusCode: 405 });
    expect(judgeAudit(refused, {}, '2026-01-01')).toEqual({
      as: 'not-asked',
      why: '405 Method Not Allowed - POST https://r/',
    });
    expect(judgeAudit('', {}, '2026-01-01')).toMatchObject({ as: 'not-asked' });
    expect(judgeAudit('{"error":{"code":"ENOTFOUND"}}', {}, '2026-01-01')).toMatchObject({ as: 'not-asked' });
  });
});
