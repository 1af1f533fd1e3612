/** Server and worker, in the page's head. */
import type { ServiceState } from '../../wire.ts';
import { useLine, useTopic } from '../live/topics.ts';

export function useService(): ServiceState | undefined {
  return useTopic('service').parts?.['service'] as ServiceState | undefined;
}

export function serviceWords(service: ServiceState | undefined): {
  readonly tone: 'good' | 'quiet' | 'bad';
  readonly text: string;
} {
  if (service === undefined) return { tone: 'quiet', text: 'looking' };
  switch (service.temporal) {
    case 'nothing':
      return { tone: 'quiet', text: 'nothing started here' };
    case 'connecting':
      return { tone: 'quiet', text: 'connecting to Temporal' };
    case 'failed':
      return { tone: 'bad', text: 'Temporal does not answer' };
    case 'connected':
      break;
  }
  switch (service.worker) {
    case 'working':
      return { tone: 'good', text: 'worker at work' };
    case 'starting':
      return { tone: 'quiet', text: 'worker starts' };
    case 'broken':
      return { tone: 'bad', text: 'worker cannot start' };
    case 'elsewhere':
      return { tone: 'quiet', text: 'workers elsewhere' };
    case 'none':
      return { tone: 'bad', text: 'no worker' };
  }
}

export function ServiceMark() {
  const isUp = useLine();
  const service = useService();
  const { tone, text } = isUp
    ? serviceWords(service)
    : { tone: 'bad' as const, text: 'this page’s server does not answer' };
  return (
    <p class={`service ${tone}`} role="status" aria-live="polite">
      <span aria-hidden="true" class="lamp" />
      {text}
    </p>
  );
}
