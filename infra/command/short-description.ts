/** Temporal's messages and services as Protobuf describes them, without those that a program never sends or gets. */
import { z } from 'zod';

interface Description {
  readonly nested?: Readonly<Record<string, Description>>;
}

/** The control plane of Temporal's cloud; web pages about gRPC services. */
export const NOT_WORKERS = ['temporal.api.cloud', 'grpc.gateway'];
/** And what passes between a worker and its native part. */
export const NOT_CLIENTS = [...NOT_WORKERS, 'coresdk'];
const START = '.addJSON(';
const END = '});';

const described = z.record(
  z.string(),
  z.custom<Description>((value) => typeof value === 'object'),
);

/**
 * A third of the messages go, which every start would describe to Protobuf; the services keep all their methods.
 *
 * @param source of `@temporalio/proto/protos/json-module.js`
 * @param omitted `NOT_CLIENTS` or `NOT_WORKERS`
 * @returns for `Root.addJSON`
 * @throws Error when the source does not look as it did
 */
export function shortDescription(
  source: string,
  omitted: readonly string[],
): Readonly<Record<string, Description>> {
  const from = source.indexOf(START) + START.length;
  const all = described.parse(JSON.parse(source.slice(from, source.lastIndexOf(END) + 1)));
  return withoutExtensions(omitted.reduce((left, path) => without(left, path.split('.')), all));
}

function without(
  nested: Readonly<Record<string, Description>>,
  [name, ...rest]: readonly string[],
): Readonly<Record<string, Description>> {
  const inner = nested[name ?? ''];
  if (name === undefined || inner === undefined) {
    throw new Error(
      `Temporal's description has no "${name ?? ''}": adapt infra/command/short-description.ts`,
    );
  }
  if (rest.length === 0) return Object.fromEntries(Object.entries(nested).filter(([key]) => key !== name));
  return { ...nested, [name]: { ...inner, nested: without(inner.nested ?? {}, rest) } };
}

/** Options of others, such as addresses on the web; Protobuf itself reads none of them. */
function withoutExtensions<T>(description: T): T {
  const text = JSON.stringify(description, (key, value: unknown) =>
    key === 'parsedOptions' || (key.startsWith('(') && key.includes(')')) ? undefined : value,
  );
  return JSON.parse(text) as T;
}
