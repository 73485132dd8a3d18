import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { hasChromium, startChromium } from '../peers/chromium.ts';
import type { Chromium } from '../peers/chromium.ts';
import { startIdentityProvider } from '../peers/identity-provider.ts';
import type { IdentityProvider } from '../peers/identity-provider.ts';
import { fetchOhif } from '../peers/ohif.ts';
import { startOrthanc } from '../peers/orthanc.ts';
import type { Orthanc } from '../peers/orthanc.ts';
import { PeerGroup, peersSkipped } from '../peers/peer.ts';
import { ViewerPage } from '../peers/viewer-page.ts';
import { startViewerSite } from '../peers/viewer-site.ts';
import { startBridgeProcess } from '../support/bridge-process.ts';
import { hasSharedData, sharedFiles } from '../support/shared-data.ts';
import { makeCtStudy, makeFullStudy } from './support/viewer-study.ts';
import type { ViewerStudy } from './support/viewer-study.ts';

// A browser, Orthanc and two servers share what cores there are.
vi.setConfig({ testTimeout: 120_000 });

const viewer = peersSkipped ? 'TEST_PEERS=skip' : await prepareViewer();
const whyNot = typeof viewer === 'string' ? viewer : undefined;
const title = 'OHIF in a browser, an identity provider, the bridge and Orthanc';

describe.skipIf(whyNot !== undefined)(whyNot === undefined ? title : `${title} (${whyNot})`, () => {
  const peers = new PeerGroup();
  let chromium: Chromium;

  beforeAll(async () => {
    chromium = await peers.start(startChromium());
  });
  afterAll(() => peers.stop());

  describe.each([
    ['on an origin of its own', startOnItsOwnOrigin],
    ['served by the bridge', startServedByTheBridge],
  ])('%s', (_where, start) => {
    const site = new PeerGroup();
    let hospital: Hospital;
    let study: ViewerStudy;
    /** A browser in which somebody has signed in: its pages share the identity provider's cookie. */
    let context: BrowserContext;
    /** The page they came to. */
    let arrival: ViewerPage;

    beforeAll(async () => {
      hospital = await start(site);
      study = await stock(hospital.orthanc);
      ({ context } = await site.start(chromium.newSession()));
      // The introduction OHIF gives whoever comes for the first time.
      await context.addInitScript('localStorage?.setItem("shownTours", \'["basicViewerTour"]\')');
      // OHIF asks for another token a minute before one expires: two seconds from now.
      hospital.identityProvider.setTokenTtl(62);
      arrival = await ViewerPage.open(context, hospital.viewerOrigin);
      await arrival.signIn();
      await arrival.untilText('Doe, Jane');
    });
    afterEach(async ({ task }) => {
      const pages = context.pages();
      if (task.result?.state === 'fail') await keepPictures(pages);
      await Promise.all(pages.map((page) => page.close()));
      hospital.identityProvider.setTokenClaims({});
      hospital.identityProvider.setTokenTtl(300);
    });
    afterAll(() => site.stop());

    it('lists the studies, renews its token, finds one by the patient and shows its images', async () => {
      await arrival.untilText('Roe, Richard');
      await arrival.untilText('CT of JANE');
      const { requests } = hospital.identityProvider;
      await expect.poll(() => requests.token, patience).toBeGreaterThanOrEqual(2);

      const search = arrival.nextAnswer((url) => url.includes('PatientName=*Doe*'));
      await arrival.searchPatient('Doe');
      const answer = await search;
      await arrival.untilTextIsGone('Roe, Richard');
      await arrival.openStudyOf('Doe, Jane');
      await untilPicture(arrival);

      expect(answer).toMatchObject({ status: 200, hadToken: true });
      expectOnlyOurs(arrival, hospital);
    });

    it.skipIf(!hasSharedData)('shows a compressed image, which it decodes itself', async () => {
      const jpeg2000 = await storeShared(hospital.orthanc, 'objects/ct-j2k-lossless.dcm');

      const page = await openStudy(jpeg2000);

      const frames = page
        .answers(hospital.dicomwebUrl)
        .filter(({ url }) => url.includes('/frames/'));
      expect(frames.length).toBeGreaterThan(0);
      expectOnlyOurs(page, hospital);
    });

    it('shows a PDF, a measurement report and a segmentation', async () => {
      const page = await openStudy(study);

      await page.openSeries('Written report');
      await expect.poll(() => page.look(), patience).toMatchObject(aWhitePage);
      await page.openSeries('Measured elsewhere');
      await page.untilDrawn('100.00 mm');
      const before = await page.look();
      await page.openSeries('Square');
      await page.untilText('Do you want to open this Segmentation?');

      const added = async (): Promise<number> => (await page.look()).coloured - before.coloured;
      await expect.poll(added, patience).toBeGreaterThan(0.03);
      expectOnlyOurs(page, hospital);
    });

    it('stores a measurement that was drawn, and shows it after a reload', async () => {
      const page = await openStudy(study);

      await page.drawLength();
      const drawn = await page.untilDrawn(millimetres);
      const stored = page.nextAnswer((url, method) => method === 'POST' && isDicomweb(url));
      await page.saveReport('Drawn here');
      expect(await stored).toMatchObject({ status: 200, hadToken: true });
      await page.reload();
      await untilPicture(page);
      await page.openSeries('Drawn here');

      const shown = await page.untilDrawn(millimetres);
      expect(lengthIn(shown)).toBeCloseTo(lengthIn(drawn), 0);
      expectOnlyOurs(page, hospital);
    });

    it.each([
      [
        'has expired',
        {
          claims: () => ({ exp: Math.floor(Date.now() / 1000) - 120 }),
          address: () => hospital.viewerOrigin,
          says: 'No studies available',
        },
      ],
      [
        'is for another audience',
        {
          claims: () => ({ aud: 'https://elsewhere.test/dicom-web' }),
          address: () => addressOf(study),
          says: 'not available at this time',
        },
      ],
    ])('shows nothing to somebody whose token %s', async (_what, { claims, address, says }) => {
      hospital.identityProvider.setTokenClaims(claims());

      const page = await ViewerPage.open(context, address());
      await page.untilText(says);

      const answers = page.answers(hospital.dicomwebUrl);
      expect(answers.length).toBeGreaterThan(0);
      expect(answers).toEqual(
        answers.map((answer) => ({ ...answer, status: 401, hadToken: true })),
      );
      expect(await page.text()).not.toMatch(/Doe|Roe|JANE/);
    });

    async function openStudy(which: Pick<ViewerStudy, 'studyInstanceUid'>): Promise<ViewerPage> {
      const page = await ViewerPage.open(context, addressOf(which));
      await untilPicture(page);
      return page;
    }

    async function untilPicture(page: ViewerPage): Promise<void> {
      await page.untilShown();
      await expect.poll(() => page.look(), patience).toMatchObject(aPicture);
    }

    function addressOf({ studyInstanceUid }: Pick<ViewerStudy, 'studyInstanceUid'>): string {
      return `${hospital.viewerOrigin}/viewer?StudyInstanceUIDs=${studyInstanceUid}`;
    }

    function isDicomweb(url: string): boolean {
      return url.startsWith(hospital.dicomwebUrl);
    }
  });
});

const patience = { timeout: 30_000, interval: 200 };

/** The generated images: a ball in a box, white on black. */
const aPicture = { variance: above(1_000) };
const aWhitePage = { white: above(0.3) };

function above(limit: number): unknown {
  return expect.toSatisfy((value: number) => value > limit, `more than ${limit}`);
}

const millimetres = /\d+\.\d+ mm/;

function lengthIn(text: string): number {
  return Number(/[\d.]+(?= mm)/.exec(text)?.[0]);
}

/** Nothing went wrong, nothing went elsewhere, and no token stood in an address. */
function expectOnlyOurs(page: ViewerPage, hospital: Hospital): void {
  const answers = page.answers(hospital.dicomwebUrl);
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  expect(answers.filter(({ hadToken }) => !hadToken)).toEqual([]);
  expect(answers.filter(({ url }) => /token|eyJ/.test(url))).toEqual([]);
  expect(page.policyComplaints).toEqual([]);
  const { viewerOrigin, dicomwebUrl, identityProvider } = hospital;
  const ours = [viewerOrigin, new URL(dicomwebUrl).origin, identityProvider.issuer];
  expect([...page.originsAsked].filter((origin) => !ours.includes(origin))).toEqual([]);
}

/** What was to be seen when a test failed says more than which text did not come. */
async function keepPictures(pages: readonly Page[]): Promise<void> {
  for (const page of pages) {
    const file = path.join(tmpdir(), `drawbridge-ohif-${Date.now()}.png`);
    await page.screenshot({ path: file });
    console.error(`what was to be seen: ${file}`);
  }
}

interface Hospital {
  readonly orthanc: Orthanc;
  readonly identityProvider: IdentityProvider;
  /** Where people go. */
  readonly viewerOrigin: string;
  /** The root their viewer asks. */
  readonly dicomwebUrl: string;
}

/** A web server of the hospital has the viewer, with the configuration docs/ohif.md shows. */
async function startOnItsOwnOrigin(peers: PeerGroup): Promise<Hospital> {
  const site = await peers.start(startViewerSite(viewerFolder()));
  const hospital = await startHospital(peers, site.origin, {
    HTTP_CORS_ORIGINS: site.origin,
  });
  site.setConfiguration(await documentedConfiguration(hospital));
  return hospital;
}

/** The bridge has the viewer, with a configuration of its own making. */
async function startServedByTheBridge(peers: PeerGroup): Promise<Hospital> {
  return startHospital(peers, undefined, {
    VIEWER_DIR: viewerFolder(),
    VIEWER_CLIENT_ID: 'ohif',
  });
}

async function startHospital(
  peers: PeerGroup,
  viewerOrigin: string | undefined,
  settings: Readonly<Record<string, string>>,
): Promise<Hospital> {
  const orthanc = await peers.start(startOrthanc());
  const identityProvider = await peers.start(startIdentityProvider());
  const bridge = await peers.start(
    startBridgeProcess({
      UPSTREAM_URL: orthanc.dicomWebUrl,
      HTTP_AUTH: 'oidc',
      OIDC_ISSUER: identityProvider.issuer,
      ...settings,
    }),
  );
  const bridgeOrigin = `http://127.0.0.1:${bridge.httpPort}`;
  const dicomwebUrl = `${bridgeOrigin}/dicom-web`;
  const origin = viewerOrigin ?? bridgeOrigin;
  identityProvider.addBrowserClient({ clientId: 'ohif', origin, resource: dicomwebUrl });
  return { orthanc, identityProvider, viewerOrigin: origin, dicomwebUrl };
}

async function stock(orthanc: Orthanc): Promise<ViewerStudy> {
  const study = makeFullStudy({
    ...{ patientName: 'Doe^Jane', patientId: 'JANE' },
    ...{ slices: 12, rows: 256, columns: 256 },
  });
  const other = makeCtStudy({
    ...{ patientName: 'Roe^Richard', patientId: 'RICHARD' },
    ...{ slices: 2, rows: 64, columns: 64 },
  });
  for (const file of [...study.files, ...other.files]) await store(orthanc, file);
  return study;
}

async function storeShared(orthanc: Orthanc, name: string): Promise<{ studyInstanceUid: string }> {
  const file = sharedFiles().find((each) => each.path === name);
  if (!file) throw new Error(`${name} is not among the sample files`);
  await store(orthanc, await readFile(file.absolutePath));
  return file;
}

async function store({ restUrl }: Orthanc, body: Buffer): Promise<void> {
  const answer = await fetch(`${restUrl}/instances`, { method: 'POST', body });
  expect(answer.status).toBe(200);
}

/** The very block of docs/ohif.md, with the addresses of this run. */
async function documentedConfiguration(hospital: Hospital): Promise<string> {
  const page = await readFile(new URL('../../docs/ohif.md', import.meta.url), 'utf8');
  const block = /```js\n(window\.config = [^]*?)```/.exec(page)?.[1];
  if (block === undefined) throw new Error('docs/ohif.md shows no app-config.js');
  return block
    .replaceAll('https://bridge.example.org/dicom-web', hospital.dicomwebUrl)
    .replaceAll('https://login.example.org', hospital.identityProvider.issuer);
}

/** The viewer's folder, or why there is none. */
async function prepareViewer(): Promise<{ readonly folder: string } | string> {
  if (!hasChromium()) return 'Chromium is not here and cannot be installed';
  try {
    return { folder: await fetchOhif() };
  } catch (error) {
    return `no @ohif/app: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function viewerFolder(): string {
  if (typeof viewer === 'string') throw new Error(viewer);
  return viewer.folder;
}
