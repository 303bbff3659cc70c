{{- define "plimsoll.name" -}}
{{- printf "%s" .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- if not (contains "plimsoll" .Release.Name) -}}-plimsoll{{- end -}}
{{- end -}}

{{- define "plimsoll.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{ include "plimsoll.selector" . }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "plimsoll.selector" -}}
app.kubernetes.io/name: plimsoll
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "plimsoll.image" -}}
{{ .root.Values.image.repository }}/plimsoll-{{ .component }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end -}}

{{/* host:port that agents ship to. */}}
{{- define "plimsoll.collectorAddress" -}}
{{- if .Values.agent.collectorAddress -}}
{{ .Values.agent.collectorAddress }}
{{- else if .Values.collector.enabled -}}
{{ include "plimsoll.name" . }}-collector.{{ .Release.Namespace }}.svc:7071
{{- else -}}
{{- fail "agent.collectorAddress is needed where collector.enabled is false: the host:port of the collector that this cluster reports to" -}}
{{- end -}}
{{- end -}}

{{/* Whether everything that listens asks who is there. */}}
{{- define "plimsoll.authenticates" -}}
{{- with .Values.authentication -}}
{{- if and (ne .agents "none") .collectorSecret .httpTokenSecret -}}yes{{- end -}}
{{- end -}}
{{- end -}}

{{/* KEY: value as the environment of a program: PREFIX_KEY. Lists by commas. */}}
{{- define "plimsoll.environment" -}}
{{- $prefix := .prefix -}}
{{- range $key, $value := .config }}
- name: {{ printf "%s_%s" $prefix (upper $key) }}
  value: {{ if kindIs "slice" $value }}{{ join "," $value | quote }}{{ else }}{{ $value | toString | quote }}{{ end }}
{{- end -}}
{{- end -}}
