import type { BrowserContext, Locator, Page } from 'playwright-core';
import { readPicture } from './viewer-picture.ts';
import type { Picture } from './viewer-picture.ts';

/** One answer to the browser that was no part of a page. */
export interface WireAnswer {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly hadToken: boolean;
}

/** An OHIF in a browser tab, and the hand that works it. */
export class ViewerPage {
  readonly #page: Page;
  readonly #answers: WireAnswer[] = [];
  readonly #complaints: string[] = [];

  private constructor(page: Page) {
    this.#page = page;
    page.on('response', (response) => {
      const request = response.request();
      this.#answers.push({
        method: request.method(),
        url: response.url(),
        status: response.status(),
        hadToken: 'authorization' in request.headers(),
      });
    });
    page.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) this.#complaints.push(message.text());
    });
  }

  static async open(context: BrowserContext, url: string): Promise<ViewerPage> {
    const page = new ViewerPage(await context.newPage());
    await page.#page.goto(url);
    return page;
  }

  /** What was answered so far to requests for addresses that begin so. */
  answers(prefix: string): readonly WireAnswer[] {
    return this.#answers.filter(({ url }) => url.startsWith(prefix));
  }

  /** The origins the page has asked anything of. */
  get originsAsked(): ReadonlySet<string> {
    const own = this.#answers.filter(({ url }) => url.startsWith('http'));
    return new Set(own.map(({ url }) => new URL(url).origin));
  }

  /** What the browser did not do because the page's own policy forbids it. */
  get policyComplaints(): readonly string[] {
    return this.#complaints;
  }

  /** On the identity provider's page. */
  async signIn(): Promise<void> {
    await this.#page.getByRole('button', { name: 'Sign in' }).click();
  }

  /** All that can be read on the page. */
  async text(): Promise<string> {
    return this.#page.locator('body').innerText();
  }

  async untilText(text: string | RegExp): Promise<void> {
    await this.#page.getByText(text).first().waitFor();
  }

  async untilTextIsGone(text: string): Promise<void> {
    await this.#page.getByText(text).first().waitFor({ state: 'detached' });
  }

  /**
   * Until an annotation with such a text is on the image. Now and then OHIF paints an annotation
   * only with the next painting of its image, so that one has to scroll away and back.
   *
   * @returns the whole text.
   */
  async untilDrawn(text: string | RegExp): Promise<string> {
    const annotation = this.#viewport.getByText(text).first();
    const box = await this.#box();
    await this.#page.mouse.move(box.x + 50, box.y + box.height / 2);
    for (const pixels of [100, -100, 100, -100, 100, -100, 100, -100]) {
      const isDrawn = await annotation.waitFor({ timeout: 2_500 }).then(
        () => true,
        () => false,
      );
      if (isDrawn) break;
      await this.#page.mouse.wheel(0, pixels);
    }
    return (await annotation.textContent()) ?? '';
  }

  /** The next answer to a request that fits. */
  async nextAnswer(fits: (url: string, method: string) => boolean): Promise<WireAnswer> {
    const response = await this.#page.waitForResponse((each) =>
      fits(each.url(), each.request().method()),
    );
    const found = this.#answers.findLast(({ url }) => url === response.url());
    if (!found) throw new Error('answers are heard in order');
    return found;
  }

  /** Types into the field above the patients' names in the study list. */
  async searchPatient(name: string): Promise<void> {
    await this.#page.getByRole('textbox').first().fill(name);
  }

  async openStudyOf(patient: string): Promise<void> {
    await this.#page.getByText(patient).dblclick();
  }

  async openSeries(description: string): Promise<void> {
    await this.#page
      .locator('[data-cy=studyBrowser-panel]')
      .getByText(description, { exact: true })
      .dblclick();
  }

  /** Until there is a viewport with a canvas in it; what it shows is another question. */
  async untilShown(): Promise<void> {
    await this.#viewport.locator('canvas').first().waitFor();
  }

  /** What is to be seen in the viewport, whoever has drawn it. */
  async look(): Promise<Picture> {
    return readPicture(await this.#viewport.screenshot());
  }

  /** Measures a length in the viewport, and lets it be tracked. */
  async drawLength(): Promise<void> {
    await this.#page.locator('[data-cy=Length-btn]').click();
    const box = await this.#box();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const { mouse } = this.#page;
    await mouse.move(x - 100, y);
    await mouse.down();
    await mouse.move(x, y + 20, { steps: 4 });
    await mouse.move(x + 100, y + 50, { steps: 4 });
    await mouse.up();
    await this.#page.getByText('Yes', { exact: true }).click();
  }

  /** Stores what was measured as a structured report. */
  async saveReport(name: string): Promise<void> {
    await this.#page.locator('[data-cy=trackedMeasurements-btn]').click();
    await this.#page.getByText('Create SR').click();
    await this.#page.locator('[data-cy=dialog-input]').fill(name);
    await this.#page.getByText('Save', { exact: true }).click();
  }

  async reload(): Promise<void> {
    await this.#page.reload();
  }

  async #box(): Promise<{ x: number; y: number; width: number; height: number }> {
    const box = await this.#viewport.boundingBox();
    if (!box) throw new Error('the viewport is not to be seen');
    return box;
  }

  get #viewport(): Locator {
    return this.#page.locator('[data-cy=viewport-pane]').first();
  }
}
