/** On a pod or its namespace: `enabled` asks for a sidecar, `disabled` on a pod keeps it without one, whoever selects it. */
export const INJECT_LABEL = 'edict.dev/inject';
/** On a pod that got its sidecar from us: what was put there, as a hash. */
export const INJECTED_ANNOTATION = 'edict.dev/injected';
/** On such a pod: its containers that have a PDP_URL of their own, which was left alone. */
export const OWN_PDP_URL_ANNOTATION = 'edict.dev/own-pdp-url';
/** On pods that the kubelet took from a file: no admission can change them. */
export const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

/** The container of a sidecar, injected or by hand. */
export const SIDECAR_NAME = 'edict-pdp';
/** Before the names of its volumes and ports. */
export const SIDECAR_PREFIX = 'edict-';
/** The variable by which an application finds its PDP. */
export const PDP_URL = 'PDP_URL';

/** The system's namespaces: nothing of ours is put into their pods. That of the operator is added by its configuration. */
export const SYSTEM_NAMESPACES: readonly string[] = ['kube-system'];
