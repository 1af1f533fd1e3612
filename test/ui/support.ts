/** A page's server, and raw requests to it: headers are sent as they are, whatever a browser would do. */
import { readFile } from 'node:fs/promises';
import { request, type IncomingHttpHeaders } from 'node:http';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { startUi, type RunningUi, type UiOptions } from '../../ui/server/start-ui.ts';

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
  readonly json: unknown;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface UiProbe {
  readonly ui: RunningUi;
  readonly host: string;
  /** As it is. */
  raw(path: string, asked?: Asked): Promise<RawAnswer>;
  /** As the page itself asks. */
  ask(path: string, asked?: Asked): Promise<RawAnswer>;
  /** As the page itself asks for a change. */
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<RawAnswer>;
}

export async function probeUi(options: UiOptions): Promise<UiProbe> {
  const ui = await startUi(options);
  const host = `127.0.0.1:${String(ui.port)}`;
  const raw = async (path: string, { method = 'GET', headers = {}, body }: Asked = {}) =>
    await new Promise<RawAnswer>((resolve, reject) => {
      const sent = request(
        { host: '127.0.0.1', port: ui.port, path, method, headers: { host, ...headers } },
        (answer) => {
          const parts: Buffer[] = [];
          answer.on('data', (part: Buffer) => parts.push(part));
          answer.on('end', () => {
            const bytes = Buffer.concat(parts);
            const text = bytes.toString('utf8');
            let json: unknown;
            try {
              json = JSON.parse(text);
            } catch {
              json = undefined;
            }
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: bytes, text, json });
          });
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  const first = await raw(new URL(ui.url).pathname + new URL(ui.url).search);
  const cookie = (first.headers['set-cookie']?.[0] ?? '').split(';')[0] ?? '';
  const page = await raw('/', { headers: { cookie } });
  const csrf = /name="csrf" content="([^"]+)"/u.exec(page.text)?.[1] ?? '';
  return {
    ui,
    host,
    raw,
    ask: async (path, asked = {}) => await raw(path, { ...asked, headers: { cookie, ...asked.headers } }),
    post: async (path, body, headers = {}) =>
      await raw(path, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: {
          cookie,
          origin: `http://${host}`,
          'sec-fetch-site': 'same-origin',
          'content-type': 'application/json',
          'x-modalmix-page': csrf,
          ...headers,
        },
      }),
  };
}

/** The page in a browser. What it complains of, and whom else it asks for anything, is added to `complaints`. */
export async function watchedPage(
  browser: Browser,
  probe: UiProbe,
  complaints: string[],
  { width, dark = false }: { readonly width: number; readonly dark?: boolean },
): Promise<Page> {
  const opened = await browser.newPage({
    viewport: { width, height: 844 },
    colorScheme: dark ? 'dark' : 'light',
  });
  opened.on('console', (message) => {
    if (['warning', 'error'].includes(message.type())) complaints.push(message.text());
  });
  opened.on('pageerror', (error) => complaints.push(error.message));
  opened.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  opened.on('request', (request) => {
    if (!request.url().startsWith(new URL(probe.ui.url).origin) && !request.url().startsWith('data:'))
      complaints.push(`asked for ${request.url()}`);
  });
  await opened.goto(probe.ui.url);
  return opened;
}

const axe = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Of WCAG 2.1, A and AA; what is wrong, and where. */
export async function wrongs(of: Page): Promise<string[]> {
  await of.evaluate(await axe);
  return await of.evaluate<
    string[]
  >(`axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'], iframes: false })
    .then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => id + ': ' + target.join(' '))))`);
}
