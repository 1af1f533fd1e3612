/** The embedded Kafka broker: Java, and Apache Kafka's jars from Maven. */
import { connectionIsNamed } from '../../kafka/is-named.ts';
import { KAFKA_VERSION, fetchJars, findJava, hasJars, jarsFolder } from '../../kafka/jars.ts';
import { findProgram } from '../../find-program.ts';
import { aptInstall, canAptInstall } from '../programs.ts';
import type { Finding, SetupContext, SetupStep } from '../step.ts';

const JAVA_PACKAGE = 'openjdk-17-jre-headless';

export const kafkaStep: SetupStep = { name: 'Kafka', purpose: 'the embedded Kafka broker', check, perform };

async function check(): Promise<Finding> {
  if (connectionIsNamed()) {
    return { inPlace: true, version: 'not needed', origin: 'the brokers that the environment names' };
  }
  if (findJava() === undefined)
    return { inPlace: false, problem: 'Java is missing', fix: 'npm run setup -- --for=stream' };
  if (!hasJars()) {
    return {
      inPlace: false,
      problem: `Apache Kafka ${KAFKA_VERSION} is missing`,
      fix: 'npm run setup -- --for=stream',
    };
  }
  return { inPlace: true, version: KAFKA_VERSION, origin: jarsFolder() };
}

async function perform(context: SetupContext): Promise<void> {
  if (canAptInstall()) {
    const packages = [
      ...(findJava() === undefined ? [JAVA_PACKAGE] : []),
      ...(!hasJars() && findProgram('mvn') === undefined ? ['maven'] : []),
    ];
    if (packages.length > 0) await aptInstall(packages, context);
  }
  context.say(`fetching Apache Kafka ${KAFKA_VERSION} with Maven: 54 MB, once`);
  await fetchJars();
}
