/** `modalmix ui`: the page, until Ctrl-C. */
import { spawn } from 'node:child_process';
import { loadConfig } from '../../pipelines/config/load-config.ts';
import { runConfigSchema } from '../../schemas/config/config.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { Screen } from '../../runs/screen.ts';
import type { RunningUi, UiOptions } from '../../ui/server/start-ui.ts';

export interface UiFlags {
  readonly port?: string;
  readonly host?: string;
  readonly open?: boolean;
  readonly store?: string;
  readonly config?: string;
}

/** @throws ModalmixError `config` when it cannot listen there */
export async function ui(flags: UiFlags, screen: Screen): Promise<void> {
  const { port, host, open, store, config } = flags;
  const storeUri =
    store ??
    (config === undefined ? runConfigSchema.shape.store.parse(undefined) : (await loadConfig(config)).store);
  const page = await openUi(
    {
      storeUri,
      ...(host === undefined ? {} : { host }),
      ...(port === undefined ? {} : { port: portOf(port) }),
    },
    screen,
  );
  if (open === true) openBrowser(page.url);
  await untilInterrupted(page, screen);
}

/** Starts the page and tells its address. */
export async function openUi(options: UiOptions, screen: Screen): Promise<RunningUi> {
  const { startUi } = await import('../../ui/server/start-ui.ts');
  const page = await startUi(options);
  screen.say(`The page: ${page.url}`);
  if (page.isOpen) {
    screen.say(
      'Mind: other machines may reach it. Whoever has this address, with its token, sees everything and can stop runs; it goes over the network as it is, without TLS.',
    );
  }
  screen.event('page', { url: page.url });
  return page;
}

/** Closes the page at Ctrl-C, or when it is told to end. */
export async function untilInterrupted(page: RunningUi, screen: Screen): Promise<void> {
  screen.say('Ctrl-C closes it; what runs goes on.');
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  await page.close();
}

/** In the person's browser; that there is none is no failure. */
export function openBrowser(url: string): void {
  const [program, ...args] = OPENERS[process.platform] ?? ['xdg-open'];
  const child = spawn(program!, [...args, url], { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}

const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  darwin: ['open'],
  win32: ['explorer'],
};

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/u.test(text) && port <= 65_535) return port;
  throw new ModalmixError('config', `"${text}" is no port`, { where: '--port' });
}
