/** The embedded broker: Apache Kafka in KRaft mode, one node, on the loopback, its data in the home folder. */
import { DEFAULT_CLIENT_ID, type KafkaConnection } from '../../pipelines/streaming/kafka/connection.ts';
import { brokerAnswers } from '../../pipelines/streaming/kafka/broker-health.ts';
import { DetachedServer, type Ports } from '../detached-server.ts';
import { LOOPBACK, isPortFree } from '../ports.ts';
import { brokerDataFolder, brokerFolder } from './broker-folders.ts';
import { prepareBroker } from './broker-program.ts';

export const embeddedBroker = new DetachedServer({
  name: 'Kafka broker',
  folder: brokerFolder,
  portCount: 2,
  prepare: async ([clients = 0, controller = 0]) =>
    await prepareBroker(
      { folder: brokerFolder(), data: brokerDataFolder() },
      {
        'controller.quorum.voters': `1@${LOOPBACK}:${String(controller)}`,
        listeners: `PLAINTEXT://${LOOPBACK}:${String(clients)},CONTROLLER://${LOOPBACK}:${String(controller)}`,
        'advertised.listeners': `PLAINTEXT://${LOOPBACK}:${String(clients)}`,
        'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      },
    ),
  answers,
  // A busy machine takes its time to start a Java program.
  startTimeoutMs: 180_000,
  stopGraceMs: 15_000,
  fix: () =>
    `Look at the log. To begin with an empty broker, delete ${brokerDataFolder()}: what is in the shards stays, events that are not yet there are lost.`,
});

async function answers(ports: Ports): Promise<boolean> {
  // The client would wait for its timeout where nobody listens yet.
  return !(await isPortFree(ports[0] ?? 0)) && (await brokerAnswers(connectionTo(ports)));
}

/** How clients reach it. */
export function connectionTo(ports: Ports): KafkaConnection {
  return { brokers: [`${LOOPBACK}:${ports[0] ?? 0}`], clientId: DEFAULT_CLIENT_ID };
}
