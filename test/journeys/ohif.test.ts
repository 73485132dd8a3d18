import { readFile } from 'node:fs/promises';
import type { BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { hasChromium, startChromium } from '../peers/chromium.ts';
import type { Chromium } from '../peers/chromium.ts';
import { startIdentityProvider } from '../peers/identity-provider.ts';
import type { IdentityProvider } from '../peers/identity-provider.ts';
import { fetchOhif } from '../peers/ohif.ts';
import { startOrthanc } from '../peers/orthanc.ts';
import type { Orthanc } from '../peers/orthanc.ts';
import { PeerGroup, findFreePort, peersSkipped } from '../peers/peer.ts';
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
    { where: 'on an origin of its own', start: startOnItsOwnOrigin },
    { where: 'served by the bridge', start: startServedByTheBridge },
  ])('$where', ({ start }) => {
    const site = new PeerGroup();
    let hospital: Hospital;
    let study: ViewerStudy;
    /** A browser that has signed in once; its pages share the identity provider's cookie. */
    let context: BrowserContext;

    beforeAll(async () => {
      hospital = await start(site);
      study = await stock(hospital.orthanc);
      ({ context } = await site.start(chromium.newSession()));
      // The introduction OHIF gives whoever comes for the first time.
      await context.addInitScript('localStorage?.setItem("shownTours", \'["basicViewerTour"]\')');
      const page = await ViewerPage.open(context, hospital.viewerOrigin);
      await page.signIn();
      await page.untilText('Doe, Jane');
      await page.close();
    });
    afterEach(async () => {
      hospital.identityProvider.setTokenClaims({});
      hospital.identityProvider.setTokenTtl(300);
      await Promise.all(context.pages().map((page) => page.close()));
    });
    afterAll(() => site.stop());

    it('lists the studies, finds one by the name of the patient and shows its images', async () => {
      const page = await ViewerPage.open(context, hospital.viewerOrigin);
      await page.untilText('Roe, Richard');
      await page.untilText('CT of JANE');

      const search = page.nextAnswer((url) => url.includes('PatientName=*Doe*'));
      await page.searchPatient('Doe');
      const answer = await search;
      await page.untilTextIsGone('Roe, Richard');
      await page.openStudyOf('Doe, Jane');

      expect(answer).toMatchObject({ status: 200, hadToken: true });
      await expect.poll(() => page.look(), patience).toMatchObject(aPicture);
      expectOnlyOurs(page, hospital);
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
      await page.untilText('100.00 mm');
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
      const stored = page.nextAnswer((url, method) => method === 'POST' && isDicomweb(url));
      await page.saveReport('Drawn here');
      expect(await stored).toMatchObject({ status: 200, hadToken: true });
      await page.reload();
      await page.untilShown();
      await page.openSeries('Drawn here');

      await page.untilText(/^: 55\.\d+ mm$/);
      expectOnlyOurs(page, hospital);
    });

    it('has its token renewed a minute before it expires', async () => {
      const { identityProvider } = hospital;
      identityProvider.setTokenTtl(62);
      const asked = identityProvider.requests.token;

      const page = await ViewerPage.open(context, hospital.viewerOrigin);
      await page.untilText('Doe, Jane');
      await expect
        .poll(() => identityProvider.requests.token, patience)
        .toBeGreaterThanOrEqual(asked + 2);
      const search = page.nextAnswer((url) => url.includes('PatientName=*Roe*'));
      await page.searchPatient('Roe');

      expect(await search).toMatchObject({ status: 200, hadToken: true });
    });

    it.each([
      ['that has expired', () => ({ exp: Math.floor(Date.now() / 1000) - 120 })],
      ['for another audience', () => ({ aud: 'https://elsewhere.test/dicom-web' })],
    ])('shows nothing to somebody with a token %s', async (_what, claims) => {
      hospital.identityProvider.setTokenClaims(claims());

      const list = await ViewerPage.open(context, hospital.viewerOrigin);
      await list.untilText('No studies available');
      const deepLink = await ViewerPage.open(context, addressOf(study));
      await deepLink.untilText('not available at this time');

      for (const page of [list, deepLink]) {
        const answers = page.answers(hospital.dicomwebUrl);
        expect(answers.length).toBeGreaterThan(0);
        expect(answers).toEqual(answers.map((answer) => ({ ...answer, status: 401 })));
        expect(answers).toEqual(answers.map((answer) => ({ ...answer, hadToken: true })));
        expect(await page.text()).not.toMatch(/Doe|Roe|JANE/);
      }
    });

    async function openStudy(which: Pick<ViewerStudy, 'studyInstanceUid'>): Promise<ViewerPage> {
      const page = await ViewerPage.open(context, addressOf(which));
      await page.untilShown();
      await expect.poll(() => page.look(), patience).toMatchObject(aPicture);
      return page;
    }

    function addressOf({ studyInstanceUid }: Pick<ViewerStudy, 'studyInstanceUid'>): string {
      return `${hospital.viewerOrigin}/viewer?StudyInstanceUIDs=${studyInstanceUid}`;
    }

    function isDicomweb(url: string): boolean {
      return url.startsWith(hospital.dicomwebUrl);
    }
  });
});

const patience = { timeout: 20_000, interval: 100 };

/** The generated images: a ball in a box, white on black. */
const aPicture = { variance: above(1_000) };
const aWhitePage = { white: above(0.3) };

function above(limit: number): unknown {
  return expect.toSatisfy((value: number) => value > limit, `more than ${limit}`);
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
  return { ...hospital, viewerOrigin: site.origin };
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
  const port = await findFreePort();
  const origin = `http://127.0.0.1:${port}`;
  const dicomwebUrl = `${origin}/dicom-web`;
  const orthanc = await peers.start(startOrthanc());
  const identityProvider = await peers.start(
    startIdentityProvider({
      audience: dicomwebUrl,
      browserClients: [{ clientId: 'ohif', origin: viewerOrigin ?? origin }],
    }),
  );
  await peers.start(
    startBridgeProcess({
      UPSTREAM_URL: orthanc.dicomWebUrl,
      HTTP_PORT: String(port),
      HTTP_AUTH: 'oidc',
      OIDC_ISSUER: identityProvider.issuer,
      ...settings,
    }),
  );
  return { orthanc, identityProvider, viewerOrigin: viewerOrigin ?? origin, dicomwebUrl };
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
  const file = sharedFiles().find(({ path }) => path === name);
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
