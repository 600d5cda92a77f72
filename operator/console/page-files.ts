/** One file of the page, as it goes over the wire. */
export interface PageFile {
  /** Path below the address that the console is served at; the empty path is the page itself. */
  readonly path: string;
  readonly contentType: string;
  readonly body: string;
  /** Names the body, with its quotes: for `ETag` and `If-None-Match`. */
  readonly etag: string;
}

/** The page and whom it may talk to. */
export interface PageFiles {
  readonly files: readonly PageFile[];
  /** The `Content-Security-Policy` that the page works under: nothing inline, nothing from elsewhere. */
  readonly contentSecurityPolicy: string;
}

/**
 * The console's page. From source it is built when it is asked for, which takes about 0.1 s; the bundles of the project carry
 * it inside instead of this module. Rejects if the page's source does not compile.
 */
export async function loadPageFiles(): Promise<PageFiles> {
  const { buildPage } = await import('./build-page.ts');
  return buildPage();
}
