import { networkRange, toIpv6, unmapAddress, type Network } from './ip-address.ts';

interface Range {
  readonly first: bigint;
  readonly last: bigint;
  /** The network that the range is, unless it was merged. */
  readonly network?: Network;
}

/** The fewest networks that cover the same addresses. Networks that touch no other come back as they are. */
export function mergeNetworks(networks: readonly Network[]): readonly Network[] {
  const ranges: Range[] = networks.map((network) => {
    const [first, last] = networkRange(network);
    return { first: toIpv6(first, network.bits), last: toIpv6(last, network.bits), network };
  });
  ranges.sort((a, b) => compareBigInts(a.last, b.last) || compareBigInts(a.first, b.first));
  for (let index = ranges.length - 1; index > 0; index--) {
    const current = ranges[index];
    const previous = ranges[index - 1];
    if (current === undefined || previous === undefined || previousAddress(current.first) > previous.last) continue;
    const first = previous.first < current.first ? previous.first : current.first;
    ranges.splice(index - 1, 2, { first, last: current.last });
  }
  return ranges.flatMap((range) => (range.network === undefined ? coverRange(range) : [range.network]));
}

/** The address before; the first address of either family has none and stays. */
function previousAddress(address: bigint): bigint {
  return address === 0n || address === toIpv6(0n, 32) ? address : address - 1n;
}

/** The largest aligned blocks that fill a range, from its start on. */
function coverRange({ first, last }: Range): readonly Network[] {
  const start = unmapAddress({ value: first, bits: 128 });
  const end = unmapAddress({ value: last, bits: 128 });
  const isMixed = start.bits !== end.bits;
  const bits = isMixed ? 128 : start.bits;
  const stop = isMixed ? last : end.value;
  const blocks: Network[] = [];
  for (let base = isMixed ? first : start.value; base <= stop;) {
    let size = 0;
    while (size < bits && (base >> BigInt(size)) % 2n === 0n && base + (1n << BigInt(size + 1)) - 1n <= stop) size++;
    blocks.push({ base, bits, prefix: bits - size });
    base += 1n << BigInt(size);
  }
  return blocks;
}

function compareBigInts(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
