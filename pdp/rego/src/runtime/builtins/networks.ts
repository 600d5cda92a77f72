import { entriesOf, isObject, RegoSet, type Value } from '../value.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { mergeNetworks } from './cidr-merge.ts';
import {
  addressText,
  containsAddress,
  networkRange,
  networkText,
  parseAddress,
  parseNetwork,
  parsePlainIpv4,
  unmapAddress,
  type Network,
} from './ip-address.ts';
import { builtinError, elementsOf, typeError } from './operands.ts';

/** Most addresses that `net.cidr_expand` gives. */
export const MAX_EXPANDED_ADDRESSES = 1_048_576;

/** IP addresses and networks. */
export const networks: BuiltinFamily = {
  'net.cidr_contains': (ctx, network, part) => contains(ctx, network, part),
  'net.cidr_contains_matches': (ctx, a, b) => containsMatches(ctx, a, b),
  'net.cidr_intersects': (ctx, a, b) => intersects(ctx, a, b),
  'net.cidr_overlap': (ctx, network, part) => contains(ctx, network, part),
  'net.cidr_is_valid': (_ctx, text) => typeof text === 'string' && parseNetwork(text) !== undefined,
  'net.cidr_expand': (ctx, text) => {
    const network = networkOperand(ctx, text);
    if (network === undefined) return undefined;
    const [first, last] = networkRange(network);
    if (last - first >= BigInt(MAX_EXPANDED_ADDRESSES)) {
      return builtinError(ctx, `network has more than ${String(MAX_EXPANDED_ADDRESSES)} addresses`);
    }
    ctx.spend?.(Number(last - first) + 1);
    const result = new RegoSet();
    for (let value = first; value <= last; value++) result.add(addressText({ value, bits: network.bits }));
    return result;
  },
  'net.cidr_merge': (ctx, operand) => {
    const elements = elementsOf(operand);
    if (elements === undefined) return builtinError(ctx, 'operand must be an array');
    const parsed: Network[] = [];
    for (const element of elements) {
      const network = mergeOperand(ctx, element);
      if (network === undefined) return undefined;
      parsed.push(network);
    }
    return new RegoSet(mergeNetworks(parsed).map(networkText));
  },
  'net.lookup_ip_addr': (ctx, name) => {
    if (typeof name !== 'string') return typeError(ctx, 1, name, 'string');
    // What needs no resolver: loopback names (RFC 6761) and addresses.
    if (name.toLowerCase() === 'localhost') return new RegoSet(['127.0.0.1', '::1']);
    const address = parseAddress(name);
    if (address !== undefined) return new RegoSet([addressText(address)]);
    const { network } = ctx;
    if (network === undefined) return builtinError(ctx, `lookup ${name}: name resolution is not allowed`);
    const builtin = 'net.lookup_ip_addr';
    const answer = network.allows(builtin)
      ? network.lookup({ builtin, key: `${builtin}:${name}`, name })
      : ({ ok: false, message: `${builtin} is not among the built-ins that are allowed` } as const);
    if (answer.ok) return new RegoSet(answer.addresses);
    network.failed(builtin, answer.message);
    return builtinError(ctx, answer.message);
  },
};

/** How many networks a process keeps as read (twice as many for a short time): those of policies and data come again. */
export const NETWORK_CACHE_SIZE = 1_000;

/** A network with what a test of an IPv4 address needs. */
interface KnownNetwork extends Network {
  /** First and last address as numbers; no number is between those of an IPv6 network. */
  readonly first: number;
  readonly last: number;
}

const known = new BoundedCache<string, KnownNetwork>(NETWORK_CACHE_SIZE);

function networkOf(text: string): KnownNetwork | undefined {
  const kept = known.get(text);
  if (kept !== undefined) return kept;
  const network = parseNetwork(text);
  if (network === undefined) return undefined;
  const [first, last] = network.bits === 32 ? networkRange(network).map(Number) : [0, -1];
  const read: KnownNetwork = { ...network, first: first ?? 0, last: last ?? -1 };
  known.set(text, read);
  return read;
}

function networkOperand(ctx: BuiltinContext, text: Value): KnownNetwork | undefined {
  if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
  return networkOf(text) ?? builtinError(ctx, `invalid CIDR address: ${text}`);
}

function contains(ctx: BuiltinContext, network: Value, part: Value): boolean | undefined {
  const outer = networkOperand(ctx, network);
  if (outer === undefined) return undefined;
  if (typeof part !== 'string') return typeError(ctx, 1, part, 'string');
  const plain = parsePlainIpv4(part);
  if (plain >= 0) return plain >= outer.first && plain <= outer.last;
  const address = parseAddress(part);
  if (address !== undefined) return containsAddress(outer, unmapAddress(address));
  const inner = networkOf(part);
  if (inner === undefined) {
    return builtinError(ctx, `not a valid textual representation of an IP address or CIDR: ${part}`);
  }
  const [first, last] = networkRange(inner);
  const { bits } = inner;
  return containsAddress(outer, { value: first, bits }) && containsAddress(outer, { value: last, bits });
}

function intersects(ctx: BuiltinContext, a: Value, b: Value): Value | undefined {
  const first = networkOperand(ctx, a);
  if (first === undefined) return undefined;
  const second = networkOperand(ctx, b);
  if (second === undefined) return undefined;
  return (
    containsAddress(first, { value: second.base, bits: second.bits }) ||
    containsAddress(second, { value: first.base, bits: first.bits })
  );
}

/** Pairs of indexes (or keys, or the elements themselves) where an element of `a` contains one of `b`. */
function containsMatches(ctx: BuiltinContext, a: Value, b: Value): Value | undefined {
  const outer = cidrEntries(ctx, a, 1);
  if (outer === undefined) return undefined;
  const result = new RegoSet();
  for (const [network, networkIndex] of outer) {
    const inner = cidrEntries(ctx, b, 2);
    if (inner === undefined) return undefined;
    for (const [part, partIndex] of inner) {
      const isContained = contains(ctx, network, part);
      if (isContained === undefined) return undefined;
      if (isContained) result.add([networkIndex, partIndex]);
    }
  }
  return result;
}

function cidrEntries(
  ctx: BuiltinContext,
  operand: Value,
  position: number,
): readonly (readonly [Value, Value])[] | undefined {
  if (typeof operand === 'string') return [[operand, operand]];
  let entries: readonly (readonly [Value, Value])[] = [];
  if (Array.isArray(operand)) {
    entries = (operand as readonly Value[]).map((element, index) => [element, index] as const);
  } else if (operand instanceof RegoSet) entries = operand.values().map((member) => [member, member] as const);
  else if (isObject(operand)) entries = entriesOf(operand).map(([key, value]) => [value, key] as const);
  const result: (readonly [Value, Value])[] = [];
  for (const [value, index] of entries) {
    const cidr: Value = Array.isArray(value) ? (value as readonly Value[])[0] : value;
    if (cidr === undefined || (typeof value !== 'string' && !Array.isArray(value))) {
      return builtinError(ctx, `operand ${String(position)}: element must be string or non-empty array`);
    }
    result.push([cidr, index]);
  }
  return result;
}

/** A network, or a bare IPv4 address, which stands for its historical class. */
function mergeOperand(ctx: BuiltinContext, element: Value): Network | undefined {
  if (typeof element !== 'string') return builtinError(ctx, 'element must be string');
  const parsed = parseAddress(element);
  if (parsed === undefined) return networkOperand(ctx, element);
  const { value, bits } = unmapAddress(parsed);
  if (bits === 128) return builtinError(ctx, 'IPv6 invalid: needs prefix length');
  const highest = value >> 24n;
  return { base: value, bits, prefix: highest < 128n ? 8 : highest < 192n ? 16 : 24 };
}
