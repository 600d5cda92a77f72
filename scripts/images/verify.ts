import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { buildImages, type BuiltImage } from './build-image.ts';
import { DIST } from './bundle.ts';
import type { Architecture } from './image-archive.ts';
import { helpOfImage, startConversionImage, startPdpImage } from './start-image.ts';

/** One thing that was verified. */
export interface Check {
  readonly what: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** What a node may have to pull for one image. */
const MAX_LAYER_BYTES = 60_000_000;

const POLICY = path.resolve(import.meta.dirname, '../../docs/examples/payments.yaml');
/** What that policy says of it: health checks are public. */
const QUESTION = {
  path: '/decision',
  body: JSON.stringify({ principal: {}, operation: 'health:check', resource: 'mrn:iam:resource:any' }),
};
const ANSWER = '200 {"allow":true}';

const MANETU = 'iamlite.manetu.io';
/** What the API server asks of the conversion webhook. */
const CONVERSION = {
  path: '/convert',
  body: JSON.stringify({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'ConversionReview',
    request: {
      uid: 'verify',
      desiredAPIVersion: `${MANETU}/v1beta1`,
      objects: [{ apiVersion: `${MANETU}/v1alpha4`, kind: 'PolicyDomain', metadata: { name: 'any' }, spec: {} }],
    },
  }),
};
/** A shape of the answer: how the members of an object are ordered is not what is verified. */
const CONVERTED = /^200 (?=.*"status":"Success").*"apiVersion":"iamlite\.manetu\.io\/v1beta1"/;

/**
 * Builds the images a second time, from nothing but what was downloaded, and compares; looks at their sizes; starts them for
 * each architecture, asks the PDPs for a decision, and the conversion webhook for a conversion. Tells of each check when it is done.
 */
export async function verifyImages(
  first: Readonly<Record<'operator' | 'pdp', BuiltImage>>,
  architectures: readonly Architecture[],
  tag: string,
  onCheck: (check: Check) => void,
): Promise<void> {
  const images = Object.values(first);
  const digests = await Promise.all(images.map(digestsOf));
  for (const part of ['layers', 'bundles']) await rm(path.join(DIST, part), { recursive: true, force: true });
  const second = Object.values(await buildImages(tag, architectures));
  for (const [index, image] of second.entries()) {
    const [before, after] = [digests[index] ?? '', await digestsOf(image)];
    onCheck({ what: `${image.name} is built again, byte for byte`, ok: before === after, detail: after });
  }
  for (const { name, layerSizes } of second) {
    for (const [architecture, bytes] of Object.entries(layerSizes)) {
      onCheck({
        what: `${name} for ${architecture} has at most ${megabytes(MAX_LAYER_BYTES)}`,
        ok: bytes <= MAX_LAYER_BYTES,
        detail: megabytes(bytes),
      });
    }
  }
  for (const architecture of architectures) {
    const help = await helpOfImage({ archive: first.operator.archive, architecture });
    onCheck({
      what: `${first.operator.name} for ${architecture} starts`,
      ok: help.includes('EDICT_OPERATOR_NAMESPACE'),
      detail: help.split('\n')[0] ?? '',
    });
    const conversion = await startConversionImage({ archive: first.operator.archive, architecture }, CONVERSION);
    onCheck({
      what: `${first.operator.name} for ${architecture} converts`,
      ok: CONVERTED.test(conversion.answer),
      detail: `${conversion.answer.slice(0, 120)}…, ready after ${Math.round(conversion.readyMs)} ms`,
    });
    const { answer, readyMs } = await startPdpImage({ archive: first.pdp.archive, architecture }, POLICY, QUESTION);
    onCheck({
      what: `${first.pdp.name} for ${architecture} answers a decision`,
      ok: answer === ANSWER,
      detail: `${answer}, ready after ${Math.round(readyMs)} ms`,
    });
  }
}

async function digestsOf({ archive, sboms }: BuiltImage): Promise<string> {
  const hash = createHash('sha256');
  for (const file of [archive, ...sboms]) hash.update(await readFile(file));
  return `sha256:${hash.digest('hex')}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
