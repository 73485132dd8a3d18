import { fetchViewer } from '../../src/cli/demo/fetch-viewer.ts';

/** The viewer the demo shows, fetched when it has not been yet; the folder with its `index.html`. */
export function fetchOhif(): Promise<string> {
  return fetchViewer(() => undefined);
}
