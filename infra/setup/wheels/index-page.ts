/** What a package index says about one project: JSON (PEP 691) or HTML (PEP 503). Pure. */
import { basename } from 'node:path';
import { z } from 'zod';

export interface IndexFile {
  readonly name: string;
  readonly url: URL;
}

/** JSON is asked for first: it needs no reading between tags. */
export const INDEX_PAGE_TYPES =
  'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1';

const jsonPageSchema = z.looseObject({
  files: z.array(z.looseObject({ filename: z.string(), url: z.string() })),
});
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

/**
 * @param page where the page was read, after redirections: its files' addresses may be relative to it
 * @throws Error when it is neither of the two
 */
export function parseIndexPage(text: string, type: string, page: URL): IndexFile[] {
  if (type.includes('json')) {
    return jsonPageSchema
      .parse(JSON.parse(text))
      .files.map(({ filename, url }) => ({ name: filename, url: fileUrl(url, page) }));
  }
  if (!type.includes('html')) throw new Error(`a page of type "${type}" is no package index's`);
  const base = /<base\s[^>]*href\s*=\s*["']([^"']+)["']/iu.exec(text)?.[1];
  const against = base === undefined ? page : new URL(plain(base), page);
  return [...text.matchAll(/<a\s[^>]*?href\s*=\s*(?:"([^"]*)"|'([^']*)')[^>]*>/giu)].map(
    ([, double, single]) => {
      const url = fileUrl(plain(double ?? single ?? ''), against);
      return { name: basename(decodeURIComponent(url.pathname)), url };
    },
  );
}

/** With the page's name and password, when it is on the page's host; without the hash behind `#`. */
function fileUrl(href: string, page: URL): URL {
  const url = new URL(href, page);
  url.hash = '';
  if (url.host === page.host && url.username === '') {
    url.username = page.username;
    url.password = page.password;
  }
  return url;
}

function plain(text: string): string {
  return text.replaceAll(/&(#?\w+);/gu, (entity, name: string) => ENTITIES[name] ?? entity);
}
