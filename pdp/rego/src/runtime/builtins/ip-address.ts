/** A range of addresses; `bits` is 32 for IPv4 and 128 for IPv6. `base` may have bits set below the prefix. */
export interface Network {
  readonly base: bigint;
  readonly bits: 32 | 128;
  readonly prefix: number;
}

/** One address. */
export interface Address {
  readonly value: bigint;
  readonly bits: 32 | 128;
}

const MAPPED = 0xffffn << 32n;

/** Parses an address as Go does: no leading zeros, no zones. Undefined if it is none. */
export function parseAddress(text: string): Address | undefined {
  if (!text.includes(':')) {
    const value = parseIpv4(text);
    return value === undefined ? undefined : { value, bits: 32 };
  }
  const value = parseIpv6(text);
  return value === undefined ? undefined : { value, bits: 128 };
}

/** An IPv4 address that is written as IPv6 (`::ffff:1.2.3.4`) is the IPv4 address. */
export function unmapAddress(address: Address): Address {
  if (address.bits === 32 || address.value >> 32n !== 0xffffn) return address;
  return { value: address.value & 0xffffffffn, bits: 32 };
}

/** Parses `address/prefix`, and clears what is below the prefix. Undefined if it is none. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  const address = parseAddress(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (address === undefined || !/^\d+$/.test(digits)) return undefined;
  const prefix = Number(digits);
  if (prefix > address.bits) return undefined;
  const base = maskAddress(address.value, address.bits, prefix);
  const plain = unmapAddress({ value: base, bits: address.bits });
  return plain.bits === address.bits
    ? { base, bits: address.bits, prefix }
    : { base: plain.value, bits: 32, prefix: prefix - 96 };
}

/**
 * An IPv4 address as an unsigned number of 32 bits, read as {@link parseAddress} does; -1 for every other text. Policies ask
 * for these most, and for nothing else so often.
 */
export function parsePlainIpv4(text: string): number {
  let value = 0;
  let part = -1;
  let parts = 1;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 46) {
      if (part < 0 || ++parts > 4) return -1;
      value = value * 256 + part;
      part = -1;
    } else if (code < 48 || code > 57 || part === 0) return -1;
    else {
      part = (part < 0 ? 0 : part * 10) + code - 48;
      if (part > 255) return -1;
    }
  }
  return parts === 4 && part >= 0 ? value * 256 + part : -1;
}

/** First and last address of a network. */
export function networkRange({ base, bits, prefix }: Network): readonly [bigint, bigint] {
  const first = maskAddress(base, bits, prefix);
  return [first, first | ((1n << BigInt(bits - prefix)) - 1n)];
}

/** Tells whether an address belongs to a network; IPv4 and IPv6 never mix. */
export function containsAddress(network: Network, address: Address): boolean {
  if (network.bits !== address.bits) return false;
  const shift = BigInt(network.bits - network.prefix);
  return network.base >> shift === address.value >> shift;
}

/** The text of an address, as Go prints it: lower case, the longest run of zeros as `::`. */
export function addressText(address: Address): string {
  const { value, bits } = unmapAddress(address);
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.');
  const groups = Array.from({ length: 8 }, (_unused, index) =>
    ((value >> BigInt(112 - index * 16)) & 0xffffn).toString(16),
  );
  let start = -1;
  let length = 1;
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (groups[to] === '0') to++;
    if (to - from > length) {
      start = from;
      length = to - from;
    }
  }
  if (start < 0) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
}

/** The text of a network. */
export function networkText({ base, bits, prefix }: Network): string {
  return `${addressText({ value: base, bits })}/${String(prefix)}`;
}

/** An address among all of IPv6, where IPv4 has its place below `::ffff:0:0/96`. */
export function toIpv6(value: bigint, bits: 32 | 128): bigint {
  return bits === 32 ? MAPPED | value : value;
}

function maskAddress(value: bigint, bits: number, prefix: number): bigint {
  const shift = BigInt(bits - prefix);
  return (value >> shift) << shift;
}

function parseIpv4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0n;
  for (const part of parts) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = (value << 8n) | BigInt(part);
  }
  return value;
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const left = parseGroups(halves[0] ?? '', halves.length === 1);
  if (left === undefined) return undefined;
  if (halves.length === 1) return left.length === 8 ? joinGroups(left) : undefined;
  const right = parseGroups(halves[1] ?? '', true);
  if (right === undefined || left.length + right.length > 7) return undefined;
  return joinGroups([...left, ...Array<bigint>(8 - left.length - right.length).fill(0n), ...right]);
}

function parseGroups(text: string, isLast: boolean): readonly bigint[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: bigint[] = [];
  for (const [index, part] of parts.entries()) {
    if (isLast && index === parts.length - 1 && part.includes('.')) {
      const value = parseIpv4(part);
      if (value === undefined) return undefined;
      groups.push(value >> 16n, value & 0xffffn);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return groups;
}

function joinGroups(groups: readonly bigint[]): bigint {
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}
