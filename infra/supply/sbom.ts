/**
 * The bill of materials, CycloneDX as JSON: npm's own of the lockfile, and what set-up fetches besides, with its hashes. The
 * same lockfile and pins give the same bytes.
 */
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { PROJECT_FOLDER } from '../folders.ts';
import { pinnedJars } from '../kafka/jars.ts';
import { S3_SERVER_MODULE } from '../setup/steps/s3-server.ts';
import { TEMPORAL_CLI_MODULE } from '../setup/steps/temporal-cli.ts';
import { pinnedTensorflowWheels } from '../setup/tensorflow-package.ts';
import { parseWheelName } from '../setup/wheels/wheel.ts';
import { pinnedProgramWheels } from '../setup/wheels/wheel-programs.ts';

const bomSchema = z.looseObject({
  bomFormat: z.literal('CycloneDX'),
  metadata: z.looseObject({
    component: z.looseObject({ 'bom-ref': z.string(), name: z.string() }),
  }),
  components: z.array(z.looseObject({ 'bom-ref': z.string(), purl: z.string() })),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.array(z.string()).default([]) })),
});
const lockSchema = z.object({
  packages: z.record(z.string(), z.object({ version: z.string().optional(), dev: z.boolean().optional() })),
});
export type Bom = z.infer<typeof bomSchema>;

/** @throws Error of npm */
export async function makeSbom(): Promise<Bom> {
  // Not `--omit=dev`, which leaves out what development needs too.
  const words = ['sbom', '--sbom-format=cyclonedx', '--package-lock-only'];
  const { stdout } = await execa('npm', words, { cwd: PROJECT_FOLDER });
  return completeBom(bomSchema.parse(JSON.parse(stdout)), userPackages());
}

export async function sbomText(): Promise<string> {
  return `${JSON.stringify(await makeSbom(), undefined, 1)}\n`;
}

/** @param purls of what a user's installation may hold */
function completeBom(made: Bom, purls: ReadonlySet<string>): Bom {
  // Neither a number of its own nor the time is in it: they differ each time.
  const { serialNumber: _, metadata, components, dependencies, ...bom } = made;
  const { timestamp: _at, tools: _tools, component, ...rest } = metadata;
  const kept = components.filter(({ purl }) => purls.has(decodeURIComponent(purl)));
  const refs = new Set([component['bom-ref'], ...kept.map((one) => one['bom-ref'])]);
  return {
    ...bom,
    // npm takes the folder's name.
    metadata: { ...rest, component: { ...component, name: 'modalmix' } },
    components: [...kept, ...fetchedAtSetUp()],
    dependencies: dependencies
      .filter(({ ref }) => refs.has(ref))
      .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) })),
  };
}

function userPackages(): ReadonlySet<string> {
  const lock = lockSchema.parse(JSON.parse(readFileSync(join(PROJECT_FOLDER, 'package-lock.json'), 'utf8')));
  const named = Object.entries(lock.packages).filter(([path, { dev }]) => path !== '' && dev !== true);
  return new Set(
    named.map(([path, { version = '' }]) => `pkg:npm/${path.replace(/^.*node_modules\//u, '')}@${version}`),
  );
}

function fetchedAtSetUp(): Bom['components'] {
  const wheels = [...pinnedProgramWheels(), ...pinnedTensorflowWheels()].map(({ file, sha256 }) => {
    const { project, version } = parseWheelName({ file });
    return fetched(`pkg:pypi/${project}@${version}?file_name=${file}`, project, version, sha256);
  });
  const jars = [...pinnedJars().values()].map(({ path, sha256 }) => {
    const [version = '', artefact = '', ...group] = posix.dirname(path).split('/').reverse();
    return fetched(
      `pkg:maven/${group.reverse().join('.')}/${artefact}@${version}`,
      artefact,
      version,
      sha256,
    );
  });
  // Go's own checksum database vouches for them.
  const modules = [TEMPORAL_CLI_MODULE, S3_SERVER_MODULE].map((module) => {
    const [path = '', version = ''] = module.split('@');
    return fetched(`pkg:golang/${module}`, path, version);
  });
  return [...wheels, ...jars, ...modules];
}

function fetched(purl: string, name: string, version: string, sha256?: string): Bom['components'][number] {
  return {
    ...{ 'bom-ref': purl, type: 'library', name, version, scope: 'optional', purl },
    ...(sha256 === undefined ? {} : { hashes: [{ alg: 'SHA-256', content: sha256 }] }),
  };
}
