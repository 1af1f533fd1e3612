import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getFFmpegInfo } from 'node-av/lib';
import { describe, expect, it } from 'vitest';
import { installedPackages, noticesText } from '../../infra/reference/notices.ts';
import { bundleClient } from '../../pipelines/evaluation/report/bundle-client.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = async (path: string) => await readFile(join(ROOT, path), 'utf8');
const lock = async (): Promise<unknown> => JSON.parse(await read('package-lock.json'));

describe('THIRD-PARTY-NOTICES', () => {
  it('is what `npm run notices` makes of the lockfile', async () => {
    const made = noticesText(installedPackages(await lock()));
    expect(await read('THIRD-PARTY-NOTICES'), 'run "npm run notices"').toBe(made);
  });

  it('names every package that package.json asks for, with its exact version', async () => {
    const manifest = JSON.parse(await read('package.json')) as Record<string, Record<string, string>>;
    const notices = await read('THIRD-PARTY-NOTICES');
    const asked = Object.entries({ ...manifest['dependencies'], ...manifest['optionalDependencies'] });
    expect(asked.length).toBeGreaterThan(25);
    for (const [name, version] of asked) expect(notices).toContain(`\n  ${name} ${version}\n`);
  });

  it('refuses a package without a licence', () => {
    const packages = { '': {}, 'node_modules/strange': { version: '1.0.0' } };
    expect(() => installedPackages({ packages })).toThrow('strange 1.0.0: npm says no licence');
  });

  it("says of node-av's binary what the binary says of itself", async () => {
    const folder = join(ROOT, 'node_modules/@seydx');
    const platforms = await readdir(folder);
    expect(platforms.length).toBeGreaterThan(0);
    for (const platform of platforms.filter((name) => name.startsWith('node-av-'))) {
      const binary = await readFile(join(folder, platform, 'node-av.node'));
      expect(binary.includes('--enable-gpl') && binary.includes('--enable-version3'), platform).toBe(true);
      expect(binary.includes('--enable-libfdk-aac') && !binary.includes('--enable-nonfree'), platform).toBe(
        true,
      );
    }
    expect(getFFmpegInfo().version).toBe('8.1-Jellyfin');
    const notices = await read('THIRD-PARTY-NOTICES');
    expect(notices).toMatch(/Jellyfin's build of\s+FFmpeg 8\.1,/u);
    expect(notices).toContain('GPL-3.0-or-later');
    expect(notices).toContain('MODALMIX_EXTRACTOR=ffmpeg');
  });

  it('says of libvips and librdkafka what their packages say', async () => {
    const notices = await read('THIRD-PARTY-NOTICES');
    const images = (await readdir(join(ROOT, 'node_modules/@img'))).filter((name) =>
      name.includes('libvips'),
    );
    expect(images.length).toBeGreaterThan(0);
    for (const name of images) {
      const about = await read(`node_modules/@img/${name}/README.md`);
      const strict = [...about.matchAll(/^\| (\S+) +\| (?:LGPLv3|Mozilla.*?) +\|$/gmu)].map(
        ([, one]) => one!,
      );
      expect(strict.length).toBeGreaterThan(6);
      for (const library of strict.filter((one) => one !== 'proxy-libintl')) {
        expect(notices, library).toContain(library);
      }
    }
    const rdkafka = JSON.parse(await read('node_modules/node-rdkafka/package.json')) as {
      librdkafka: string;
    };
    expect(notices).toContain(`librdkafka ${rdkafka.librdkafka} (BSD-2-Clause)`);
    expect(await read('node_modules/node-rdkafka/deps/librdkafka/LICENSES.txt')).toContain('opentelemetry');
  });
});

it.each(['evaluation', 'models', 'experiments'])("keeps ECharts' notices in the page of %s", async (part) => {
  const entry = new URL(`../../pipelines/${part}/report/client/main.ts`, import.meta.url);
  const script = await bundleClient(entry);
  const notice = script.slice(0, script.indexOf('*/'));
  expect(notice).toContain('Apache ECharts\nCopyright');
  expect(notice).toContain('Copyright (c) 2017, Baidu Inc.');
  expect(notice).toContain('Mike Bostock');
});

it('has no package with a known hole that an override closes', async () => {
  const { packages } = (await lock()) as { packages: Record<string, { version?: string }> };
  const versionsOf = (name: string) =>
    Object.entries(packages).flatMap(([path, { version }]) =>
      path.endsWith(`node_modules/${name}`) ? [version] : [],
    );
  // Those of tar are below 7.5.8; CVE-2024-29415 is in every version of ip.
  expect(versionsOf('tar')).toEqual([expect.stringMatching(/^7\.5\.(?:[89]|\d\d)$/u)]);
  expect(versionsOf('ip')).toEqual([]);
});

it('asks for no package that nothing imports: tfjs comes with tfjs-node alone', async () => {
  const manifest = JSON.parse(await read('package.json')) as Record<string, Record<string, string>>;
  expect(manifest['dependencies']).not.toHaveProperty('@tensorflow/tfjs');
  expect(manifest['dependencies']).toHaveProperty('@tensorflow/tfjs-node');
});
