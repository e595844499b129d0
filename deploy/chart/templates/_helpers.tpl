{{- define "batchgen.name" -}}
{{- if contains "batchgen" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-batchgen" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "batchgen.selector" -}}
app.kubernetes.io/name: batchgen
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "batchgen.labels" -}}
{{ include "batchgen.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "batchgen.image" -}}
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{/* A variable from a Secret: (list NAME SECRET). */}}
{{- define "batchgen.fromSecret" -}}
{{- $secret := index . 1 -}}
- name: {{ index . 0 }}
  valueFrom: {secretKeyRef: {name: {{ $secret.name | quote }}, key: {{ $secret.key | quote }}}}
{{- end }}

{{/* What production asks of every program, also where that has no use for it. */}}
{{- define "batchgen.unusedKeys" -}}
- {name: BATCHGEN_SECRET_KEY, value: this-program-signs-nothing-and-so-was-given-no-secret-key}
- {name: ANTHROPIC_API_KEY, value: unused}
{{- end }}

{{/* The environment of every program, but for who signs and who calls. */}}
{{- define "batchgen.environment" -}}
- {name: BATCHGEN_ENV, value: production}
- {name: BATCHGEN_ALLOWED_HOSTS, value: {{ append .Values.hosts "127.0.0.1" | join "," | quote }}}
- {name: BATCHGEN_TRUSTED_PROXIES, value: {{ join "," .Values.trustedProxies | quote }}}
- {name: BATCHGEN_EXPORT_DIR, value: /exports}
- {name: BATCHGEN_WORKER_CONCURRENCY, value: {{ .Values.worker.concurrency | quote }}}
{{- range $name, $value := .Values.settings }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{ include "batchgen.fromSecret" (list "REDIS_URL" .Values.secrets.redisUrl) }}
{{- end }}

{{- define "batchgen.signsAndCalls" -}}
{{ include "batchgen.fromSecret" (list "BATCHGEN_SECRET_KEY" .Values.secrets.secretKey) }}
{{ include "batchgen.fromSecret" (list "ANTHROPIC_API_KEY" .Values.secrets.providerKey) }}
{{- end }}

{{- define "batchgen.databaseUrl" -}}
{{ include "batchgen.fromSecret" (list "DATABASE_URL" .Values.secrets.databaseUrl) }}
{{- end }}

{{- define "batchgen.mounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: exports, mountPath: /exports}
{{- end }}

{{- define "batchgen.volumes" -}}
- {name: tmp, emptyDir: {}}
{{- if .Values.exports.claim }}
- {name: exports, persistentVolumeClaim: {claimName: {{ .Values.exports.claim | quote }}}}
{{- else }}
- {name: exports, emptyDir: {}}
{{- end }}
{{- end }}

{{- define "batchgen.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* What all pods have. */}}
{{- define "batchgen.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .Values.userId }}
  runAsGroup: {{ .Values.userId }}
  fsGroup: {{ .Values.userId }}
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Nothing begins on tables of the version before. */}}
{{- define "batchgen.waitForSchema" -}}
initContainers:
  - name: schema
    {{- include "batchgen.image" . | nindent 4 }}
    command: [sh, -c, "until python manage.py migrate --check; do sleep 3; done"]
    env:
      {{- include "batchgen.environment" . | nindent 6 }}
      {{- include "batchgen.databaseUrl" . | nindent 6 }}
      {{- include "batchgen.unusedKeys" . | nindent 6 }}
    resources: {{- toYaml .Values.beat.resources | nindent 6 }}
    {{- include "batchgen.containerSecurity" . | nindent 4 }}
    volumeMounts:
      {{- include "batchgen.mounts" . | nindent 6 }}
{{- end }}
