/** The containers of the Compose file. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const PROJECT = 'modalmix-tried';
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const FILES = ['deploy/compose.yaml', 'test/deploy/containers/compose.tried.yaml'].map((file) =>
  join(ROOT, file),
);
const SERVERS = 'modalmix-servers';
const LOG_LINES = 30;

export class Containers {
  readonly #environment: Readonly<Record<string, string>>;
  /** Of the last start: what commands run in. */
  #image = 'one';

  /** @param settings variables of the Compose file */
  constructor(settings: Readonly<Record<string, string>>) {
    this.#environment = {
      ...settings,
      TEMPORAL_IMAGE: SERVERS,
      TEMPORAL_TOOLS_IMAGE: SERVERS,
      POSTGRES_IMAGE: SERVERS,
      KAFKA_IMAGE: SERVERS,
      S3_IMAGE: SERVERS,
      SHELL_IMAGE: SERVERS,
    };
  }

  /** Starts services, or makes them again with another image, one after another. */
  async up(services: readonly string[], image: string, flags: readonly string[] = []): Promise<void> {
    this.#image = image;
    await this.#compose(['up', '--detach', '--no-build', ...flags, ...services]);
  }

  /** @returns what it printed */
  async command(...words: string[]): Promise<string> {
    const { stdout } = await this.#compose(['run', '--rm', '--no-deps', '-T', 'command', ...words]);
    return stdout.trim();
  }

  /** Without a warning. @returns the container's name */
  async kill(service: string): Promise<string> {
    const [name = ''] = await this.#names(service);
    await execa('docker', ['kill', '--signal', 'KILL', name]);
    return name;
  }

  /** What an orchestrator does with containers that have ended. */
  async start(service: string): Promise<void> {
    for (const name of await this.#names(service)) await execa('docker', ['start', name]);
  }

  async imagesOf(service: string): Promise<string[]> {
    const names = await this.#names(service);
    const { stdout } = await execa('docker', ['inspect', '--format', '{{.Config.Image}}', ...names]);
    return stdout.split('\n');
  }

  /** The last lines of each. */
  async logs(): Promise<string> {
    const { stdout } = await execa('docker', [
      'ps',
      '--all',
      '--format',
      '{{.Names}}',
      '--filter',
      `name=${PROJECT}`,
    ]);
    const texts = stdout.split('\n').map(async (name) => {
      const { all } = await execa('docker', ['logs', '--tail', String(LOG_LINES), name], {
        all: true,
        reject: false,
      });
      return `== ${name}\n${all}\n`;
    });
    return (await Promise.all(texts)).join('');
  }

  async down(): Promise<void> {
    await this.#compose(['--profile', 'stream', 'down', '--volumes', '--timeout', '20']);
  }

  async #names(service: string): Promise<string[]> {
    const filters = [
      `label=com.docker.compose.project=${PROJECT}`,
      `label=com.docker.compose.service=${service}`,
    ];
    const words = [
      'ps',
      '--all',
      '--format',
      '{{.Names}}',
      ...filters.flatMap((filter) => ['--filter', filter]),
    ];
    return (await execa('docker', words)).stdout.split('\n').sort();
  }

  async #compose(words: readonly string[]) {
    const files = FILES.flatMap((file) => ['--file', file]);
    const [program, ...first] = await compose();
    return await execa(program, [...first, '--project-name', PROJECT, ...files, ...words], {
      env: { ...this.#environment, MODALMIX_IMAGE: `modalmix:${this.#image}` },
      stdin: 'ignore',
    });
  }
}

/** Docker's own plugin, or the program of before. */
async function compose(): Promise<readonly [string, ...string[]]> {
  const { exitCode } = await execa('docker', ['compose', 'version'], { reject: false });
  return exitCode === 0 ? ['docker', 'compose'] : ['docker-compose'];
}
