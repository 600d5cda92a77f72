import { BlockList, isIP } from 'node:net';

/** IPv4 blocks that are not global (IANA's special-purpose registry), and the metadata service that hides among those that are. */
const NOT_GLOBAL_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
];

/** IPv6 blocks within 2000::/3 that are not global; everything outside of it is not. */
const NOT_GLOBAL_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const notGlobal = blocksOf([...NOT_GLOBAL_V4, ...NOT_GLOBAL_V6]);
const globalV6 = blocksOf(['2000::/3']);
const loopback = blocksOf(['127.0.0.0/8', '::1/128']);

/** Whether an address belongs to the public Internet: not private, link-local, loopback, multicast, reserved or a tunnel. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 4) return !notGlobal.check(address, 'ipv4');
  return isIP(address) === 6 && globalV6.check(address, 'ipv6') && !notGlobal.check(address, 'ipv6');
}

/** Whether an address is that of the machine itself. */
export function isLoopbackAddress(address: string): boolean {
  return isWithin(loopback, address);
}

/** Whether one of the blocks holds the address; IPv4 written as IPv6 counts as IPv4. */
export function isWithin(blocks: BlockList, address: string): boolean {
  const version = isIP(address);
  return version !== 0 && blocks.check(address, version === 4 ? 'ipv4' : 'ipv6');
}

/** Blocks from `address/prefix` texts, which must be right. */
export function blocksOf(networks: readonly string[]): BlockList {
  const blocks = new BlockList();
  for (const network of networks) {
    const [address = '', prefix = ''] = network.split('/');
    blocks.addSubnet(address, Number(prefix), isIP(address) === 4 ? 'ipv4' : 'ipv6');
  }
  return blocks;
}
