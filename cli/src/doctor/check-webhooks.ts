import { authoritiesIn, certificateIn, isSignedByOneOf } from './certificates.ts';
import { notChecked, type Finding } from './finding.ts';
import type { Installation, StoredWebhook } from './installation.ts';

/** Whether the API server asks the operator before it stores policy, and believes what answers. */
export function checkWebhooks(installation: Installation): readonly Finding[] {
  const { webhooks, names, namespace, deployment } = installation;
  if (webhooks.state === 'Unseen') return [notChecked('webhook configurations', webhooks.why)];
  const found = webhooks.state === 'Found' ? webhooks.value : [];
  const findings: Finding[] = [];
  if (
    deployment.state !== 'Absent' &&
    !found.some(({ kind, metadata }) => kind.startsWith('Validating') && metadata.name === names.webhookConfiguration)
  ) {
    findings.push({
      severity: 'Error',
      code: 'WebhookMissing',
      where: `ValidatingWebhookConfiguration ${names.webhookConfiguration}`,
      message: 'it is not there: broken policy is stored, and refused only by the status of its domain',
      remedy: `upgrade the release: helm upgrade ${names.webhookConfiguration} ./helm --namespace ${namespace}`,
    });
  }
  findings.push(
    ...found.flatMap((webhook) => checkTrust(webhook, installation)),
    ...checkEndpoints(found, installation),
  );
  findings.push(...found.flatMap(checkFailurePolicy), ...checkProbe(installation));
  return findings;
}

function checkTrust(webhook: StoredWebhook, { certificates, names, namespace }: Installation): readonly Finding[] {
  const where = `${webhook.kind} ${webhook.metadata.name}`;
  const remedy = `the operator writes caBundle itself, within 15 s of its start; see kubectl -n ${namespace} logs deployment/${names.deployment}. A GitOps tool that takes it away again must ignore the field`;
  const finding = (message: string): Finding => ({ severity: 'Error', code: 'WebhookTrust', where, message, remedy });
  const without = webhook.webhooks.filter(({ clientConfig }) => (clientConfig.caBundle ?? '') === '');
  if (without.length > 0) {
    return [finding(`${without.map(({ name }) => name).join(', ')} have no caBundle: every call fails`)];
  }
  const serving = certificates.state === 'Found' ? certificateIn(certificates.value['tls.crt']) : undefined;
  if (serving === undefined) return [];
  const wrong = webhook.webhooks.filter(({ clientConfig }) => {
    const bundle = Buffer.from(clientConfig.caBundle ?? '', 'base64').toString();
    return !isSignedByOneOf(serving, authoritiesIn(bundle));
  });
  if (wrong.length === 0) return [];
  return [
    finding(
      `caBundle of ${wrong.map(({ name }) => name).join(', ')} is not the authority of the certificate in Secret ${names.certificateSecret}`,
    ),
  ];
}

function checkEndpoints(
  webhooks: readonly StoredWebhook[],
  { endpoints, namespace, deployment, names }: Installation,
): readonly Finding[] {
  const services = new Set(
    webhooks.flatMap(({ webhooks: all }) => all.map(({ clientConfig }) => clientConfig.service?.name)),
  );
  if (endpoints.state === 'Unseen') return [notChecked(`EndpointSlices of ${namespace}`, endpoints.why)];
  const ready = endpoints.state === 'Found' ? endpoints.value : new Map<string, number>();
  return [...services].flatMap((service): readonly Finding[] => {
    if (service === undefined || (ready.get(service) ?? 0) > 0) return [];
    return [
      {
        severity: 'Error',
        code: 'WebhookUnreachable',
        where: `Service ${namespace}/${service}`,
        message: 'no ready replica stands behind it: what the webhook has to check cannot be written',
        remedy:
          deployment.state === 'Absent'
            ? `the operator is gone and its webhook is not: kubectl delete ${webhooks.map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name}`).join(' ')}`
            : `bring the operator up: kubectl -n ${namespace} get pods, describe deployment/${names.deployment}`,
      },
    ];
  });
}

function checkFailurePolicy({ kind, metadata, webhooks }: StoredWebhook): readonly Finding[] {
  const open = webhooks.filter(({ failurePolicy }) => failurePolicy === 'Ignore').map(({ name }) => name);
  if (open.length === 0) return [];
  return [
    {
      severity: 'Warning',
      code: 'WebhookIgnored',
      where: `${kind} ${metadata.name}`,
      message: `${open.join(', ')} have failurePolicy Ignore: while no operator answers, broken policy is stored`,
      remedy: 'webhook.failurePolicy=Fail, unless you want it so',
    },
  ];
}

function checkProbe({ probe, names, namespace, deployment, webhooks }: Installation): readonly Finding[] {
  const where = `ValidatingWebhookConfiguration ${names.webhookConfiguration}`;
  switch (probe.outcome) {
    case 'Refused':
      return [];
    case 'Unasked':
      return [notChecked(`a call of ${where}`, probe.why)];
    case 'CallFailed':
      return [
        {
          severity: 'Error',
          code: 'WebhookFails',
          where,
          message: probe.message,
          remedy: `"unknown authority": see caBundle; "refused", "no endpoints": see the pods; "timeout", "deadline": a network between API server and pods that lets nothing through to port 9443; "expired", "not yet valid": see clocks and Secret ${namespace}/${names.certificateSecret}`,
        },
      ];
    case 'Stored':
      // Who is not there is not asked, and that has been said.
      if (deployment.state === 'Absent' || (webhooks.state === 'Found' && webhooks.value.length === 0)) return [];
      return [
        {
          severity: 'Error',
          code: 'WebhookNotAsked',
          where,
          message: 'a policy that cannot be compiled passed admission (in a dry run; nothing was stored)',
          remedy:
            'see the selectors and rules of the configuration: somebody changed them, or failurePolicy is Ignore and the call failed',
        },
      ];
  }
}
