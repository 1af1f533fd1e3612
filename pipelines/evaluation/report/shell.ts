/** A page's shell: one file that loads nothing, its sections in reading order, its charts' data and script. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { bundleClient } from './bundle-client.ts';
import { Html, markup, scriptJson } from './html.ts';

export interface PageParts {
  readonly title: string;
  readonly header: Html;
  /** At least one; the navigation names them all. */
  readonly sections: readonly { readonly id: string; readonly name: string; readonly body: Html }[];
  /** What the script finds in the JSON block `report-data`. */
  readonly data: unknown;
  /** URL of the script's source. */
  readonly client: URL;
}

export async function renderShell({ title, header, sections, data, client }: PageParts): Promise<string> {
  const script = await bundleClient(client);
  const tokens = await readFile(new URL('tokens.css', import.meta.url), 'utf8');
  const style = `${tokens}\n${await readFile(new URL('style.css', import.meta.url), 'utf8')}`;
  // The script's tag holds exactly the hashed bytes; nothing else on the page may run.
  const policy = [
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    `script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`,
    'img-src data:',
  ].join('; ');
  const first = sections[0]!;
  return markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · Modalmix</title>
        <link rel="icon" href="data:," />
        <style>
          ${new Html(style)}
        </style>
      </head>
      <body>
        <a class="skip" href="#${first.id}">Skip to the ${first.name.toLowerCase()}</a>
        ${header}
        <nav aria-label="Sections">
          <ul>
            ${sections.map(({ id, name }) => markup`<li><a href="#${id}">${name}</a></li>`)}
          </ul>
        </nav>
        <main>
          ${sections.map(({ id, body }) => markup`<section id="${id}" aria-labelledby="${id}-heading">${body}</section>`)}
        </main>
        <script type="application/json" id="report-data">
          ${scriptJson(data)}
        </script>
        ${new Html(`<script>${script}</script>`)}
      </body>
    </html> `.text;
}
