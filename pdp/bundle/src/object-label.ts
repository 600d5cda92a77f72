/** How problems name an object: `namespace/name`, so far as it has them. */
export function objectLabel(object: unknown): string {
  if (typeof object !== 'object' || object === null || !('metadata' in object)) return 'object';
  const { metadata } = object;
  if (typeof metadata !== 'object' || metadata === null) return 'object';
  const parts = [
    'namespace' in metadata ? metadata.namespace : undefined,
    'name' in metadata ? metadata.name : undefined,
  ];
  const label = parts.filter((part) => typeof part === 'string' && part !== '').join('/');
  return label === '' ? 'object' : label;
}
