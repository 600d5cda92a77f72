import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import type { PageFile, PageFiles } from './page-files.ts';

const FOLDER = import.meta.dirname;

/** What a browser may do for the page: run and show its own files, and ask the server that it came from. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Bundles the page for browsers from the middle of 2024 on. The same sources give the same bytes. */
export async function buildPage(): Promise<PageFiles> {
  const result = await build({
    absWorkingDir: FOLDER,
    entryPoints: { app: 'src/main.tsx', theme: 'src/theme.ts', style: 'style/style.css' },
    outdir: 'out',
    write: false,
    bundle: true,
    minify: true,
    platform: 'browser',
    target: ['chrome123', 'firefox121', 'safari17.5'],
    format: 'iife',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'warning',
  });
  const bundled = result.outputFiles.map((output) => pageFile(path.basename(output.path), output.text));
  const copied = ['index.html', 'icon.svg'].map(async (name) =>
    pageFile(name, await readFile(path.join(FOLDER, name), 'utf8')),
  );
  return {
    files: [...(await Promise.all(copied)), ...bundled],
    contentSecurityPolicy: CONTENT_SECURITY_POLICY,
  };
}

function pageFile(name: string, body: string): PageFile {
  const contentType = CONTENT_TYPES[path.extname(name)];
  if (contentType === undefined) throw new Error(`no content type is known for ${name}`);
  const digest = createHash('sha256').update(body).digest('base64url').slice(0, 22);
  return { path: name === 'index.html' ? '' : name, contentType, body, etag: `"${digest}"` };
}
