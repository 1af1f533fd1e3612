/** The embedded broker: Apache Kafka in KRaft mode, one node, on the loopback, its data in the home folder. */
import { DetachedServer } from '../detached-server.ts';
import { isPortFree } from '../ports.ts';
import { answersOwner, brokerAccess } from './broker-access.ts';
import { brokerDataFolder, brokerFolder } from './broker-folders.ts';
import { prepareBroker } from './broker-program.ts';

export { connectionTo } from './broker-access.ts';

export const embeddedBroker = new DetachedServer({
  name: 'Kafka broker',
  folder: brokerFolder,
  portCount: 2,
  prepare: async (ports) =>
    await prepareBroker({ folder: brokerFolder(), data: brokerDataFolder() }, brokerAccess(ports)),
  // The client would wait for its timeout where nobody listens yet.
  answers: async (ports) => !(await isPortFree(ports[0] ?? 0)) && (await answersOwner(ports)),
  // A busy machine takes its time to start a Java program.
  startTimeoutMs: 180_000,
  stopGraceMs: 15_000,
  fix: () =>
    `Look at the log. To begin with an empty broker, delete ${brokerDataFolder()}: what is in the shards stays, events that are not yet there are lost.`,
});
