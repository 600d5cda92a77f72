import type { EngineInfo, ManifestSummary } from '../messages.ts';

/** Why `engine` cannot serve a set with this manifest, or undefined if it can. */
export function unfitEngine(engine: EngineInfo, manifest: ManifestSummary): string | undefined {
  const label = `${engine.name} ${engine.version}`;
  if (isOlder(engine.version, manifest.engineMin)) return `${label} is older than ${manifest.engineMin}`;
  const lacking = manifest.features.filter((feature) => !engine.features.includes(feature));
  return lacking.length === 0 ? undefined : `${label} lacks ${lacking.join(', ')}`;
}

/** Compares `major.minor.patch`; a missing part is 0, and a pre-release is as good as its release. */
function isOlder(version: string, minimum: string): boolean {
  const have = partsOf(version);
  const need = partsOf(minimum);
  for (let index = 0; index < 3; index += 1) {
    const difference = (have[index] ?? 0) - (need[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function partsOf(version: string): readonly number[] {
  const core = version.replace(/^v/, '').split(/[-+]/)[0] ?? '';
  return core.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : 0));
}
