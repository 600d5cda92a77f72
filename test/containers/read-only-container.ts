import { GenericContainer } from 'testcontainers';

/** A container whose root file system cannot be written, without capabilities: what the chart asks of Kubernetes. */
export class ReadOnlyContainer extends GenericContainer {
  constructor(image: string) {
    super(image);
    this.hostConfig.ReadonlyRootfs = true;
    this.withDroppedCapabilities('ALL').withSecurityOpt('no-new-privileges');
  }
}
