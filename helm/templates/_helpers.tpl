{{/* The name of the release's objects. */}}
{{- define "edict.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "edict.operator" -}}{{ include "edict.fullname" . }}-operator{{- end -}}

{{- define "edict.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "edict.operator" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "edict.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "edict.labels" -}}
{{ include "edict.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "edict.operatorImage" -}}
{{ .Values.operator.image.repository }}:{{ default .Chart.AppVersion .Values.operator.image.tag }}
{{- end -}}

{{- define "edict.pdpImage" -}}
{{ .Values.pdp.image.repository }}:{{ default .Chart.AppVersion .Values.pdp.image.tag }}
{{- end -}}

{{/*
The security context of a pod. It names no user: images run as 65532 by themselves, and as any user that a platform gives them.
*/}}
{{- define "edict.podSecurityContext" -}}
{{- toYaml (mergeOverwrite (dict "runAsNonRoot" true "seccompProfile" (dict "type" "RuntimeDefault")) (deepCopy .)) -}}
{{- end -}}

{{- define "edict.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* The conversion webhook of Manetu's group: name of its objects, and their labels. */}}
{{- define "edict.conversion" -}}{{ include "edict.fullname" . }}-conversion{{- end -}}

{{- define "edict.conversionSelectorLabels" -}}
{{- toYaml (set (include "edict.selectorLabels" . | fromYaml) "app.kubernetes.io/component" "conversion") -}}
{{- end -}}

{{- define "edict.conversionLabels" -}}
{{- toYaml (set (include "edict.labels" . | fromYaml) "app.kubernetes.io/component" "conversion") -}}
{{- end -}}

{{/*
What the operator does with Manetu's group: Serve, Release or Off. A CRD of ours that was kept when the option was switched off has
objects that hold a finalizer of ours: the operator lets them go.
*/}}
{{- define "edict.manetuMode" -}}
{{- if .Values.manetuGroup.enabled -}}
Serve
{{- else -}}
{{- $owner := printf "%s/%s" .Release.Namespace (include "edict.conversion" .) -}}
{{- $crd := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "policydomains.iamlite.manetu.io" -}}
{{- if and $crd (eq (dig "annotations" "edict.dev/owned-by" "" $crd.metadata) $owner) -}}Release{{- else -}}Off{{- end -}}
{{- end -}}
{{- end -}}
