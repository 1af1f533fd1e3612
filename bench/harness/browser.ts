/** A headless Chromium from PATH, and a page in it that remembers everything it should not have done. */
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export async function launchBrowser(): Promise<Browser> {
  return await chromium.launch({ executablePath: await findChromium(), args: QUIET });
}

async function findChromium(): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const file = join(folder, name);
      try {
        await access(file, constants.X_OK);
        return file;
      } catch {
        continue;
      }
    }
  }
  throw new Error(`none of ${NAMES.join(', ')} is on PATH; install one (Debian: apt-get install chromium)`);
}

export interface WatchedPage {
  readonly page: Page;
  /** Console warnings and errors, uncaught errors and dialogs. */
  readonly complaints: readonly string[];
  /** URLs asked for, the file itself aside. */
  readonly requests: readonly string[];
}

export async function openPage(
  browser: Browser,
  file: URL,
  size: { readonly width: number; readonly height: number; readonly dark?: boolean },
): Promise<WatchedPage> {
  const { width, height, dark = false } = size;
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light' });
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (['warning', 'error'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (request.url() !== file.href && !request.url().startsWith('data:')) requests.push(request.url());
  });
  await page.goto(file.href, { waitUntil: 'load' });
  return { page, complaints, requests };
}

/** What is drawn in every chart: marks of an SVG, or pixels of a canvas that are not see-through. */
export async function drawnMarks(page: Page): Promise<Record<string, number>> {
  return await page.evaluate<Record<string, number>>(`(() => {
    const drawn = {};
    for (const place of document.querySelectorAll('[data-chart]')) {
      let marks = place.querySelectorAll('svg path, svg text').length;
      for (const canvas of place.querySelectorAll('canvas')) {
        // A copy: Chromium complains about a canvas that is drawn to and read back more than once.
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
        copy.drawImage(canvas, 0, 0);
        const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
        for (let i = 3; i < data.length; i += 4) if (data[i] > 0) marks += 1;
      }
      drawn[place.dataset.chart] = marks;
    }
    return drawn;
  })()`);
}

/** Pixels by which the page is wider than the window. */
export async function overflowPx(page: Page): Promise<number> {
  return await page.evaluate<number>(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
}

/** The smallest size of any text in the page or in an SVG chart, pixels. */
export async function smallestTextPx(page: Page): Promise<number> {
  return await page.evaluate<number>(`Math.min(...[...document.body.querySelectorAll('*')]
    .filter((node) => !['SCRIPT', 'STYLE'].includes(node.tagName))
    .filter((node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim() !== ''))
    .map((node) => parseFloat(getComputedStyle(node).fontSize)))`);
}
