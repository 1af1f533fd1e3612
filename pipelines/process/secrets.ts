/** Secrets of the environment, taken out of what is printed, logged and kept. The last net: nothing is meant to hold one. */
import { ENVIRONMENT } from '../../schemas/names.ts';

/** Whose values are secret, as a whole or as a list. */
const SECRET = [
  ENVIRONMENT.kafkaSaslPassword,
  ENVIRONMENT.kafkaTlsKeyPassword,
  ENVIRONMENT.temporalApiKey,
  ENVIRONMENT.signingKeys,
  ENVIRONMENT.codecKeys,
  ENVIRONMENT.webhookSecret,
  ENVIRONMENT.mlflowToken,
  ENVIRONMENT.mlflowPassword,
  ENVIRONMENT.serveToken,
  ...['AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'],
  ...['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS'],
];
/** Addresses, which may hold a password: any variable's value that is one. */
const PASSWORD = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s:]*:([^/?#@\s]+)@/iu;
/** Shorter ones are words, which would be taken out of sentences. */
const SHORTEST = 8;
const INSTEAD = '[secret]';

/**
 * @param environment by name
 * @returns the text, with `[secret]` for each secret of the environment of eight characters or more
 */
export function withoutSecrets(
  text: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  let safe = text;
  for (const secret of secretsOf(environment)) safe = safe.replaceAll(secret, INSTEAD);
  return safe;
}

function secretsOf(environment: Readonly<Record<string, string | undefined>>): string[] {
  const given = SECRET.flatMap((name) => {
    const value = environment[name]?.trim() ?? '';
    return [value, ...value.split(/[\s,]+/u), ...value.split(/[\s,=]+/u)];
  });
  for (const value of Object.values(environment)) {
    const password = PASSWORD.exec(value ?? '')?.[1];
    if (password !== undefined) given.push(password, decoded(password));
  }
  const secrets = given.filter((secret) => secret.length >= SHORTEST);
  // Of one that holds another, the whole.
  return [...new Set(secrets)].sort((a, b) => b.length - a.length);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
