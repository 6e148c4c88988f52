{{/* Names are constant, since the certificate, the permissions and the commands of the documentation contain them. */}}

{{- define "cluster-agent.selector" -}}
app.kubernetes.io/name: {{ eq . "cluster-agent" | ternary "cluster-agent" "node-agent" }}
app.kubernetes.io/instance: cluster-agent
app.kubernetes.io/component: {{ . }}
{{- end }}

{{/* Takes the root and the component, as most do below. */}}
{{- define "cluster-agent.labels" -}}
{{ include "cluster-agent.selector" .component }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: cluster-agent
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "cluster-agent.image" -}}
{{- with .Values.clusterAgent.image -}}
{{- .repository | default (printf "%s/%s" (trimSuffix "/" $.Values.registry) .name | trimPrefix "/") -}}
{{- .digest | empty | ternary (printf ":%s" (.tag | default $.Chart.AppVersion)) (printf "@%s" .digest) -}}
{{- end -}}
{{- end }}

{{- define "cluster-agent.options" -}}
{{- range $key, $value := . }}
- {{ printf "--%s=%s" $key (kindIs "string" $value | ternary $value (toJson $value)) | quote }}
{{- end }}
{{- end }}

{{- define "cluster-agent.hasNodeAgents" -}}
{{- with .Values.nodeAgent.enabled | kindIs "bool" | ternary .Values.nodeAgent.enabled (not .Values.clusterChecksRunner.enabled) }}yes{{ end -}}
{{- end }}

{{/* The fields of a pod that are the same for all. */}}
{{- define "cluster-agent.pod" -}}
enableServiceLinks: false
terminationGracePeriodSeconds: 30
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- with .root.Values.clusterAgent.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where the pods of a Deployment run. */}}
{{- define "cluster-agent.spread" -}}
{{- $selector := include "cluster-agent.selector" .component -}}
affinity:
{{- with .values.affinity }}
  {{- toYaml . | nindent 2 }}
{{- else }}
  # Preferred, not required: on a single remaining node, two replicas are better than one.
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels: {{- $selector | nindent 14 }}
{{- end }}
topologySpreadConstraints:
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- $selector | nindent 8 }}
{{- end }}
tolerations:
  # Evict from a lost node after 30 seconds instead of the default 300.
{{- range list "not-ready" "unreachable" }}
  - key: node.kubernetes.io/{{ . }}
    operator: Exists
    effect: NoExecute
    tolerationSeconds: 30
{{- end }}
{{- with .values.tolerations }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The fields of a container that are the same for all. */}}
{{- define "cluster-agent.container" -}}
image: {{ include "cluster-agent.image" .root | quote }}
imagePullPolicy: {{ .root.Values.clusterAgent.image.pullPolicy }}
resources: {{- toYaml .values.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  privileged: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- define "cluster-agent.variables" -}}
{{- range list "POD_NAME metadata.name" "POD_NAMESPACE metadata.namespace" "POD_IP status.podIP" "NODE_NAME spec.nodeName" }}
- name: {{ splitList " " . | first }}
  valueFrom:
    fieldRef:
      fieldPath: {{ splitList " " . | last }}
{{- end }}
{{- end }}

{{- define "cluster-agent.items" -}}
items:
{{- range . }}
  - key: {{ . }}
    path: {{ . }}
{{- end }}
{{- end }}

{{/* The volume of the Secret, or of both. Takes the keys of each: `tokens`, `certificate`. */}}
{{- define "cluster-agent.secret" -}}
# Without it the pod waits, and its Events say why.
- name: secret
{{- with .root.Values.clusterAgent }}
{{- if .tls.existingSecret }}
  projected:
    # Readable by the group of the pod only.
    defaultMode: 0440
    sources:
      - secret:
          name: {{ .existingSecret | quote }}
          {{- include "cluster-agent.items" $.tokens | nindent 10 }}
      - secret:
          name: {{ .tls.existingSecret | quote }}
          {{- include "cluster-agent.items" $.certificate | nindent 10 }}
{{- else }}
  secret:
    secretName: {{ .existingSecret | quote }}
    # Readable by the group of the pod only.
    defaultMode: 0440
    {{- include "cluster-agent.items" (concat $.tokens $.certificate) | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}

{{/* The key of what node-agents verify the cluster-agent with. */}}
{{- define "cluster-agent.authority" -}}
{{ empty .Values.clusterAgent.tls.existingSecret | ternary "tls.crt" "ca.crt" }}
{{- end }}

{{/* The template of a node-agent's pods. Takes `arguments` too, and fields of the pod as `fields`. */}}
{{- define "cluster-agent.nodeAgentTemplate" -}}
metadata:
  labels: {{- include "cluster-agent.labels" . | nindent 4 }}
  annotations:
    prometheus.io/scrape: "true"
    prometheus.io/port: "5000"
spec:
  serviceAccountName: node-agent
  automountServiceAccountToken: false
  {{- include "cluster-agent.pod" . | nindent 2 }}
  {{- with .fields | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  containers:
    - name: node-agent
      {{- include "cluster-agent.container" . | nindent 6 }}
      command: [/usr/local/bin/node-agent]
      args:
        - run
        {{- range .arguments }}
        - {{ . }}
        {{- end }}
        - --clc_runner_host=$(POD_IP)
        - --cluster_agent.auth_token_file=/etc/cluster-agent/token
        - --cluster_agent.service_account_token_file=/var/run/secrets/cluster-agent/token
        - --cluster_agent.ca_file=/etc/cluster-agent/{{ include "cluster-agent.authority" .root }}
        - --cmd_port=5005
        - --metrics_port=5000
        {{- include "cluster-agent.options" .values.options | trim | nindent 8 }}
      env:
        {{- include "cluster-agent.variables" . | trim | nindent 8 }}
        # Follows the namespace.
        - name: DD_CLUSTER_AGENT_URL
          value: {{ .root.Values.clusterAgent.url | default "https://cluster-agent.$(POD_NAMESPACE).svc:5005" | quote }}
        {{- with .values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - name: https
          containerPort: 5005
          protocol: TCP
        - name: metrics
          containerPort: 5000
          protocol: TCP
      startupProbe:
        httpGet:
          path: /metrics
          port: metrics
        periodSeconds: 1
        failureThreshold: 60
      livenessProbe:
        httpGet:
          path: /metrics
          port: metrics
        periodSeconds: 20
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        tcpSocket:
          port: https
        periodSeconds: 5
        timeoutSeconds: 2
        failureThreshold: 2
      volumeMounts:
        # No subPath: the files of a changed Secret are updated without a restart.
        - name: secret
          mountPath: /etc/cluster-agent
          readOnly: true
        - name: identity
          mountPath: /var/run/secrets/cluster-agent
          readOnly: true
  volumes:
    # The private key is not mounted here.
    {{- include "cluster-agent.secret" (dict "root" .root "tokens" (list "token") "certificate" (list (include "cluster-agent.authority" .root))) | nindent 4 }}
    # A token of this pod, for the cluster-agent alone: it opens nothing else, and the configs of this node only.
    - name: identity
      projected:
        defaultMode: 0440
        sources:
          - serviceAccountToken:
              audience: cluster-agent
              expirationSeconds: 3600
              path: token
{{- end }}

{{/* Intended findings of checkov, and why. */}}
{{- define "cluster-agent.findings" -}}
checkov.io/skip1: "CKV_K8S_43=the digest depends on your build; set it where you name the image"
{{- end }}

{{/* Not empty if there are config files. */}}
{{- define "cluster-agent.confd" -}}
{{- range .Values.clusterAgent.confd }}file {{ end -}}
{{- range .Values.clusterAgent.advancedConfd }}{{- range . }}file {{ end -}}{{ end -}}
{{- end }}
