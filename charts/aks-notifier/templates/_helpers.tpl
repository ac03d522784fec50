{{- define "aks-notifier.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* The name of everything that this release makes: the release's own where it says what it is, else with the chart's behind it. */}}
{{- define "aks-notifier.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := include "aks-notifier.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "aks-notifier.selectorLabels" -}}
app.kubernetes.io/name: {{ include "aks-notifier.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- /* Ours, and those of a value; of two with one name ours counts. `own` is one that the template itself writes. */}}
{{- define "aks-notifier.labelsAnd" -}}
{{- include "aks-notifier.checkGlobals" .root }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{ include "aks-notifier.selectorLabels" .root }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: aks-notifier
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- $theirs := merge dict (default dict .labels) (default dict .root.Values.global.commonLabels) }}
{{- with omit $theirs "helm.sh/chart" "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/version" "app.kubernetes.io/part-of" "app.kubernetes.io/managed-by" (default "" .own) }}
{{- range $name, $value := . }}
{{ $name | quote }}: {{ include "aks-notifier.text" $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "aks-notifier.labels" -}}
{{- include "aks-notifier.labelsAnd" (dict "root" . "labels" dict) }}
{{- end }}

{{- /* What YAML or --set took for a number is a text all the same, and without an exponent. */}}
{{- define "aks-notifier.text" -}}
{{- if kindIs "invalid" . }}
{{- else if and (kindIs "float64" .) (eq (floor .) .) }}
{{- int64 . }}
{{- else }}
{{- toString . }}
{{- end }}
{{- end }}

{{- define "aks-notifier.installationId" -}}
{{- include "aks-notifier.text" .Values.installationId }}
{{- end }}

{{- /* Other charts take names in global.imagePullSecrets, so both are taken. */}}
{{- define "aks-notifier.imagePullSecrets" -}}
{{- include "aks-notifier.checkGlobals" . }}
{{- $secrets := list }}
{{- range concat (default list .Values.global.imagePullSecrets) (default list .Values.imagePullSecrets) }}
{{- $secrets = append $secrets (ternary (dict "name" .) . (kindIs "string" .)) }}
{{- end }}
{{- with uniq $secrets }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{- /* Each with our selector unless it has one. */}}
{{- define "aks-notifier.topologySpreadConstraints" -}}
{{- $ours := dict "labelSelector" (dict "matchLabels" (include "aks-notifier.selectorLabels" . | fromYaml)) }}
{{- $constraints := list }}
{{- range .Values.topologySpreadConstraints }}
{{- $constraints = append $constraints (ternary . (merge dict . $ours) (hasKey . "labelSelector")) }}
{{- end }}
{{- with $constraints }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{- define "aks-notifier.serviceAccountName" -}}
{{- default (include "aks-notifier.fullname" .) .Values.serviceAccount.name }}
{{- end }}

{{- /* ClusterRoles are shared by all namespaces, so two releases of one name mustn't meet. */}}
{{- define "aks-notifier.clusterRoleName" -}}
{{- printf "%s:%s" .Release.Namespace (include "aks-notifier.fullname" .) }}
{{- end }}

{{- define "aks-notifier.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- define "aks-notifier.clientId" -}}
{{- if not .Values.azure.clientId }}
{{- fail "azure.clientId is missing: give the client id of the identity that aks-notifier signs in to Azure as, with --set azure.clientId=<id>" }}
{{- end }}
{{- .Values.azure.clientId }}
{{- end }}

{{- /* As the operator derives it: each selector has a lease of its own. */}}
{{- define "aks-notifier.leaseName" -}}
{{- with .Values.watchLabelSelector | default "" | trim }}
{{- printf "aks-notifier-%s" (sha256sum . | trunc 10) }}
{{- else }}
{{- "aks-notifier" }}
{{- end }}
{{- end }}

{{- define "aks-notifier.ownEnv" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
# A small young generation and few malloc arenas: the program makes little garbage, and this saves about 10 MB.
- name: NODE_OPTIONS
  value: --max-semi-space-size=1
- name: MALLOC_ARENA_MAX
  value: "2"
{{- with .Values.azure.authorityHost }}
- name: AZURE_AUTHORITY_HOST
  value: {{ . | quote }}
{{- end }}
{{- with .Values.azure.resourceManagerEndpoint }}
- name: AZURE_RESOURCE_MANAGER_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with .Values.azure.resourceManagerAudience }}
- name: AZURE_RESOURCE_MANAGER_AUDIENCE
  value: {{ . | quote }}
{{- end }}
{{- with .Values.httpsProxy }}
- name: HTTPS_PROXY
  value: {{ . | quote }}
{{- end }}
{{- with .Values.noProxy }}
- name: NO_PROXY
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{- /* The chart's variables, then those of extraEnv, which stand in the place of ours: the API server refuses a name that comes twice. */}}
{{- define "aks-notifier.env" -}}
{{- $theirs := default list .Values.extraEnv }}
{{- $names := list }}
{{- range $theirs }}
{{- $names = append $names .name }}
{{- end }}
{{- $ours := list }}
{{- range include "aks-notifier.ownEnv" . | fromYamlArray }}
{{- if not (has .name $names) }}
{{- $ours = append $ours . }}
{{- end }}
{{- end }}
{{- toYaml (concat $ours $theirs) }}
{{- end }}

{{- /* What the operator does with its objects, in the cluster or in each watched namespace. */}}
{{- define "aks-notifier.objectRules" -}}
# It never creates or deletes its own kind. The patch is for the finalizer, which lives in the metadata.
- apiGroups: [aks-notifier.dev]
  resources: [maintenancenotifications]
  verbs: [list, watch, patch]
- apiGroups: [aks-notifier.dev]
  resources: [maintenancenotifications/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end }}

{{- define "aks-notifier.subjects" -}}
- kind: ServiceAccount
  name: {{ include "aks-notifier.serviceAccountName" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end }}

{{- /* Fails unless a value is a list: one string would be taken for nothing, or break a template in words that help nobody. */}}
{{- define "aks-notifier.checkList" -}}
{{- if not (kindIs "slice" .value) }}
{{- fail (printf "%s must be a list: write --set '%s={%s}', or %s: [%s] in a values file" .path .path .example .path .example) }}
{{- end }}
{{- end }}

{{- /* As isNamespace in src/config/namespaces.ts. */}}
{{- define "aks-notifier.checkNamespaces" -}}
{{- $path := .path }}
{{- include "aks-notifier.checkList" (merge (dict "example" "team-a,team-b") .) }}
{{- range .value }}
{{- if not (and (kindIs "string" .) (regexMatch `^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$` (toString .))) }}
{{- fail (printf "%s lists %s, which can't be a namespace: write the name of one, or take it off the list" $path (toJson .)) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* As src/config/allowed-scopes.ts has it; besides, nothing that would end a text in CEL. */}}
{{- define "aks-notifier.checkScopes" -}}
{{- $path := .path }}
{{- include "aks-notifier.checkList" (merge (dict "example" "/subscriptions/<id>/resourceGroups/shop") .) }}
{{- $guid := `[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}` }}
{{- $group := `[-\p{L}\p{N}_.()]*[-\p{L}\p{N}_()]` }}
{{- $segment := `[. ]*[^. #/%\\?,'"[:cntrl:]][^/%\\?,'"[:cntrl:]]*` }}
{{- $scope := printf "(?i)^/subscriptions/%s(/resourceGroups/%s(/providers/%s(/%s/%s)+)?)?/?$" $guid $group $segment $segment $segment }}
{{- range .value }}
{{- if not (and (kindIs "string" .) (regexMatch $scope (toString .)) (eq (toString .) (trim (toString .)))) }}
{{- fail (printf "%s lists %s, which is no ARM id of a subscription, a resource group or a resource: write one such as /subscriptions/<id>/resourceGroups/shop, or take it off the list" $path (toJson .)) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The schema lets anything be in global, since other charts share it. */}}
{{- define "aks-notifier.checkGlobals" -}}
{{- if not (kindIs "map" (default dict .Values.global.commonLabels)) }}
{{- fail "global.commonLabels must be labels by their names: write --set global.commonLabels.team=platform, or global: {commonLabels: {team: platform}} in a values file" }}
{{- end }}
{{- include "aks-notifier.checkList" (dict "path" "global.imagePullSecrets" "example" "registry" "value" (default list .Values.global.imagePullSecrets)) }}
{{- end }}

{{- /* A duration such as 1m30s as a number. The schema sees to its form. */}}
{{- define "aks-notifier.milliseconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 }}
{{- $sum := 0 }}
{{- range regexFindAll `[0-9.]+(ms|s|m|h)` . -1 }}
{{- $unit := regexFind `[a-z]+$` . }}
{{- $sum = addf $sum (mulf (trimSuffix $unit .) (get $units $unit)) }}
{{- end }}
{{- $sum }}
{{- end }}

{{- /* As the operator has it in src/config; it would end at once. */}}
{{- define "aks-notifier.checkTimes" -}}
{{- $interval := include "aks-notifier.milliseconds" .Values.interval | float64 }}
{{- if or (lt $interval 30000.0) (gt $interval 86400000.0) }}
{{- fail (printf "interval is %s: write a time from 30s to 24h" .Values.interval) }}
{{- end }}
{{- with .Values.leaderElection }}
{{- $lease := include "aks-notifier.milliseconds" .leaseDuration | float64 }}
{{- $renew := include "aks-notifier.milliseconds" .renewDeadline | float64 }}
{{- if gt $renew (mulf $lease 0.9) }}
{{- fail "leaderElection.renewDeadline is more than nine tenths of leaderElection.leaseDuration: a leader must have ended before another may begin" }}
{{- end }}
{{- if gt (mulf (include "aks-notifier.milliseconds" .retryPeriod | float64) 2) $renew }}
{{- fail "leaderElection.retryPeriod is more than half of leaderElection.renewDeadline: one renewal that fails would end the leader" }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Every template that uses one of these values begins with it. A namespace without a scope would mean: nothing is allowed; with nothing else
listed it would mean: everything. So it is a mistake. */}}
{{- define "aks-notifier.check" -}}
{{- include "aks-notifier.checkNamespaces" (dict "path" "watchNamespaces" "value" .Values.watchNamespaces) }}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) }}
{{- fail "serviceAccount.create is false and serviceAccount.name is empty: name the ServiceAccount that the federated credential is for" }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled .Values.metrics.podMonitor.enabled }}
{{- fail "metrics.serviceMonitor.enabled and metrics.podMonitor.enabled are both true, and every series would be scraped twice: turn one off" }}
{{- end }}
{{- include "aks-notifier.checkTimes" . }}
{{- if eq (int .Values.metrics.port) (int .Values.healthPort) }}
{{- fail "metrics.port and healthPort are the same: give each a port of its own" }}
{{- end }}
{{- if not (kindIs "map" .Values.receiverSecrets) }}
{{- fail "receiverSecrets must have its fields: write receiverSecrets: {namespaces: []} to read no Secret, or leave it out" }}
{{- end }}
{{- if not (kindIs "map" .Values.allowedScopes) }}
{{- fail "allowedScopes must have its fields: write allowedScopes: {all: [], namespaces: {}} to allow everything, or leave it out" }}
{{- end }}
{{- include "aks-notifier.checkNamespaces" (dict "path" "receiverSecrets.namespaces" "value" .Values.receiverSecrets.namespaces) }}
{{- include "aks-notifier.checkScopes" (dict "path" "allowedScopes.all" "value" .Values.allowedScopes.all) }}
{{- if not (kindIs "map" .Values.allowedScopes.namespaces) }}
{{- fail "allowedScopes.namespaces must say for each namespace what its objects may reach, such as {team-a: [/subscriptions/<id>/resourceGroups/shop]}, or {} for none" }}
{{- end }}
{{- range $namespace, $scopes := .Values.allowedScopes.namespaces }}
{{- include "aks-notifier.checkNamespaces" (dict "path" "allowedScopes.namespaces" "value" (list $namespace)) }}
{{- include "aks-notifier.checkScopes" (dict "path" (printf "allowedScopes.namespaces.%s" $namespace) "value" $scopes) }}
{{- if not $scopes }}
{{- fail (printf "allowedScopes.namespaces.%s lists nothing: list what its objects may reach, or leave the namespace out" $namespace) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The flag's text, from the values that the admission policy is made of too. */}}
{{- define "aks-notifier.allowedScopes" -}}
{{- $entries := list }}
{{- range .Values.allowedScopes.all }}
{{- $entries = append $entries . }}
{{- end }}
{{- range $namespace, $scopes := .Values.allowedScopes.namespaces }}
{{- range $scopes }}
{{- $entries = append $entries (printf "%s=%s" $namespace .) }}
{{- end }}
{{- end }}
{{- join "," $entries }}
{{- end }}

{{- /* A list of ids as CEL. */}}
{{- define "aks-notifier.celScopes" -}}
{{- $scopes := list }}
{{- range . }}
{{- $scopes = append $scopes (printf "'%s'" (trimSuffix "/" .)) }}
{{- end }}
{{- printf "[%s]" (join ", " $scopes) }}
{{- end }}

{{- /* What the namespace of a request is allowed, as CEL. */}}
{{- define "aks-notifier.celAllowed" -}}
{{- $allowed := include "aks-notifier.celScopes" .Values.allowedScopes.all }}
{{- $entries := list }}
{{- range $namespace, $scopes := .Values.allowedScopes.namespaces }}
{{- $entries = append $entries (printf "'%s': %s" $namespace (include "aks-notifier.celScopes" $scopes)) }}
{{- end }}
{{- if $entries }}
{{- $allowed = printf "(%s + {%s}[?request.namespace].orValue([]))" $allowed (join ", " $entries) }}
{{- end }}
{{- $expression := printf "%s.map(scope, scope.lowerAscii())" $allowed }}
{{- if gt (len $expression) 100000 }}
{{- fail (printf "allowedScopes makes an expression of %d characters, and the API server takes 100000: list fewer or wider scopes, or turn admissionPolicy.enabled off (the operator keeps the boundary all the same)" (len $expression)) }}
{{- end }}
{{- $expression }}
{{- end }}

{{- /* Whether an id, given as CEL, is allowed: at or below a scope, and nothing that an address makes another one of (/a/../b is /b, %2e is a
full stop, \ is a slash). As isAllowed in src/core/boundary.ts. */}}
{{- define "aks-notifier.celInside" -}}
!{{ . }}.matches(r'/[. ]*(#|/|$)|[%\\?\p{Cc}]') && variables.allowed.exists(scope, ({{ . }}.lowerAscii() + '/').startsWith(scope + '/'))
{{- end }}
