/** The real network behind `http.send` and `net.lookup_ip_addr`, for those who evaluate policies without a PDP. */
export { AllowedHostsError } from './allowed-hosts.ts';
export { createNetworkPort, type ClosableNetworkPort, type NetworkPortOptions } from './network-port.ts';
