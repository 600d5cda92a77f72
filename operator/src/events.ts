/** What happened to an object, for the user who runs `kubectl describe`. */
export interface OperatorEvent {
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, stable. */
  readonly reason:
    | 'Rendered'
    | 'Refused'
    | 'RevisionCreated'
    | 'Prepared'
    | 'Committed'
    | 'Converged'
    | 'Aborted'
    | 'RolledBack'
    | 'Emergency'
    | 'WaveCommitted'
    | 'Paused'
    | 'Resumed'
    | 'AwaitingApproval'
    | 'NoTraffic'
    | 'Approved'
    | 'Requested'
    | 'TestsFailed'
    | 'Withdrawn'
    | 'WithdrawTimeout'
    | 'DefaultSetCreated'
    | 'Applied'
    | 'ApplyFailed'
    | 'PodsWithoutPDP'
    | 'Contested';
  readonly message: string;
  readonly regarding: EventSubject;
}

/** The object that an event is about. */
export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string;
}

/** Takes events: never throws, never waits, drops (and counts) what it cannot deliver. */
export interface EventSink {
  readonly emit: (event: OperatorEvent) => void;
}
