import { chromium } from 'playwright-core';
import type { BrowserContext } from 'playwright-core';
import { browserPackages, ensureDebianPackages } from './debian-packages.mjs';
import type { Peer } from './peer.ts';

/** Debian's Chromium without a window. */
export interface Chromium extends Peer {
  /** Somebody who sits down at it: no cookies, no memory of who was there before. */
  newSession(): Promise<BrowserSession>;
}

export interface BrowserSession extends Peer {
  readonly context: BrowserContext;
}

/** Whether it is on this machine; installs it where we may. */
export function hasChromium(): boolean {
  return ensureDebianPackages({ packages: browserPackages });
}

export async function startChromium(): Promise<Chromium> {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox', // tests run as root in containers, where Chromium has no other way
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  const stop = (): Promise<void> => browser.close();
  return {
    newSession: async () => {
      const context = await browser.newContext({ viewport: { width: 1024, height: 700 } });
      context.setDefaultTimeout(30_000);
      const end = (): Promise<void> => context.close();
      return { context, stop: end, [Symbol.asyncDispose]: end };
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
