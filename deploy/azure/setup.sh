#!/bin/sh
# Gives aks-notifier what it needs in Azure: an identity that the operator's ServiceAccount signs in as, and the least rights that it can
# work with. Run it as often as you like: what is there already stays as it is. README.md beside it says who may run it and what it makes.
set -euf

usage() {
  cat <<'END'
Usage: setup.sh --cluster ID [options]

  --cluster ID            AKS cluster that the operator runs in (az aks show … --query id --output tsv)
  --scope ID              subscription or resource group in which the operator may work; may be given again
                          (default: the whole subscription of the cluster)
  --rule-identity ID      user-assigned identity that alert rules may act as; may be given again
  --identity NAME         identity that is made for the operator (default: aks-notifier)
  --identity-group NAME   existing resource group that it is made in (default: that of the cluster)
  --namespace NAME        namespace that the chart goes to (default: aks-notifier-system)
  --service-account NAME  ServiceAccount of the release (default: aks-notifier)
  --replace-sign-in       put this cluster's sign-in in the place of another one of its name (a cluster that was made again, another
                          namespace or ServiceAccount); where the other is still in use, it can't sign in any more
  --check                 change nothing and say what is missing; ends with 1 if something is
  --dry-run               change nothing and print the commands

Ends with 0 when all went well, with 2 when something went wrong.
END
}

# Roles and condition lie beside this script.
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
audience=api://AzureADTokenExchange
mode=apply changes=0 replace='' lost=''
cluster='' scopes='' rule_identities='' identity=aks-notifier identity_group='' namespace=aks-notifier-system service_account=aks-notifier
newline='
'

say() { printf '%s\n' "$*"; }
fail() {
  printf 'setup.sh: %s\n' "$*" >&2
  exit 2
}

# OPTION VALUE: ids and names become parts of queries and of JSON. What could end a text there is refused; Azure has it in no name.
check_value() {
  case $2 in
    '' | -*) fail "$1 needs a value" ;;
    *[[:space:]\"\'\`\\\$,\;?%#*\<\>\{\}\|\&]*) fail "$1 '$2' has characters that no name in Azure has" ;;
  esac
}
fits() { printf '%s' "$1" | grep -Eiq "$2"; }
guid='[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'
group="/subscriptions/$guid/resourceGroups/[^/]+"

while [ $# -gt 0 ]; do
  case $1 in
    --check | --dry-run) mode=${1#--} ;;
    --replace-sign-in) replace=yes ;;
    --help | -h)
      usage
      exit 0
      ;;
    --cluster | --scope | --rule-identity | --identity | --identity-group | --namespace | --service-account)
      [ $# -gt 1 ] || fail "$1 needs a value"
      check_value "$1" "$2"
      case $1 in
        --cluster) cluster=$2 ;;
        --scope) scopes=$scopes${scopes:+$newline}$2 ;;
        --rule-identity) rule_identities=$rule_identities${rule_identities:+$newline}$2 ;;
        --identity) identity=$2 ;;
        --identity-group) identity_group=$2 ;;
        --namespace) namespace=$2 ;;
        --service-account) service_account=$2 ;;
      esac
      shift
      ;;
    *)
      usage >&2
      fail "unknown option '$1'"
      ;;
  esac
  shift
done

# Lists have one id a line.
IFS=$newline
[ -n "$cluster" ] || {
  usage >&2
  fail '--cluster is missing'
}
fits "$cluster" "^$group/providers/Microsoft\.ContainerService/managedClusters/[^/]+\$" || fail "--cluster '$cluster' is not the id of an AKS cluster"
for id in $scopes; do
  fits "$id" "^(/subscriptions/$guid|$group)\$" || fail "--scope '$id' is not the id of a subscription or a resource group"
done
for id in $rule_identities; do
  fits "$id" "^$group/providers/Microsoft\.ManagedIdentity/userAssignedIdentities/[^/]+\$" ||
    fail "--rule-identity '$id' is not the id of a user-assigned identity"
done

# ID NUMBER: a part of an id; the third is the subscription, the fifth the resource group, the ninth the resource.
part() { printf '%s' "$1" | cut -d / -f "$2"; }
subscription_of() { part "$1" 3 | tr '[:upper:]' '[:lower:]'; }
# LIST…: their subscriptions, each once.
subscriptions_of() { printf '%s\n' "$@" | grep . | cut -d / -f 3 | tr '[:upper:]' '[:lower:]' | sort -u; }

subscription=$(subscription_of "$cluster")
identity_group=${identity_group:-$(part "$cluster" 5)}
working_scopes=${scopes:-/subscriptions/$subscription}

command -v az >/dev/null || fail 'az is missing: install the Azure CLI and sign in (az login)'
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

# COMMAND…: what Azure says to a question, in $answer; nothing when what was asked for isn't there, for which az ends with 3.
ask() {
  status=0
  answer=$(az "$@" --output tsv 2>"$errors") || status=$?
  case $status in
    0) ;;
    3) answer='' ;;
    *)
      cat "$errors" >&2
      fail "az $1 $2 … failed"
      ;;
  esac
}

# A word of a command, as a shell reads it.
word() {
  case $1 in
    '' | *[!A-Za-z0-9_./:=@-]*) printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
    *) printf '%s' "$1" ;;
  esac
}
words() {
  printf ' '
  for each in "$@"; do
    printf ' '
    word "$each"
  done
  say
}

stands() { say "there    $1"; }

# WHAT COMMAND…: says that something is missing, prints the command, or runs it; what it answers is in $made. What was made just now isn't
# known everywhere in Azure at once, so that is waited for: two minutes at most.
change() {
  what=$1 made='' tries=0
  shift
  changes=$((changes + 1))
  if [ "$mode" != apply ]; then
    say "missing  $what"
    [ "$mode" = check ] || words "$@"
    return
  fi
  say "making   $what"
  until made=$("$@" 2>"$errors"); do
    tries=$((tries + 1))
    if [ "$tries" -ge 12 ] || ! grep -Eq 'PrincipalNotFound|RoleDefinitionDoesNotExist' "$errors"; then
      cat "$errors" >&2
      fail "this failed; what was made stays$lost. Mend the cause and run the script again"
    fi
    sleep 10
  done
}

# -- Subscriptions, and the cluster: who issues the tokens that the operator signs in with.

tenants=''
for id in $(subscriptions_of "$cluster" "$working_scopes" "$rule_identities"); do
  tenant=$(az account show --subscription "$id" --query tenantId --output tsv 2>"$errors") || {
    cat "$errors" >&2
    fail "the subscription $id can't be seen: is it the right one, and are you signed in (az login)?"
  }
  tenants=$tenants$tenant$newline
done
[ "$(printf '%s' "$tenants" | sort -u | wc -l)" -eq 1 ] || fail 'the subscriptions belong to different tenants, and an identity has rights in its own only'

ask aks show --name "$(part "$cluster" 9)" --resource-group "$(part "$cluster" 5)" --subscription "$subscription" \
  --query '[oidcIssuerProfile.issuerUrl, to_string(securityProfile.workloadIdentity.enabled)]'
[ -n "$answer" ] || fail "there is no cluster $cluster"
issuer=$(say "$answer" | sed -n 1p)
case $issuer-$(say "$answer" | sed -n 2p) in
  https://*-true) ;;
  *) fail "the cluster needs OIDC issuer and workload identity: az aks update --name $(part "$cluster" 9) --resource-group $(word "$(part "$cluster" 5)") --subscription $subscription --enable-oidc-issuer --enable-workload-identity" ;;
esac

# -- The provider of alert rules and action groups.

for id in $(subscriptions_of "$working_scopes"); do
  what="registration of Microsoft.Insights in subscription $id"
  ask provider show --namespace Microsoft.Insights --subscription "$id" --query registrationState
  if [ "$answer" = Registered ]; then
    stands "$what"
  else
    change "$what" az provider register --namespace Microsoft.Insights --subscription "$id" --wait
  fi
done

# -- The identity, and the ServiceAccount that may sign in as it.

what="identity $identity in resource group $identity_group"
ask identity show --name "$identity" --resource-group "$identity_group" --subscription "$subscription" --query '[clientId, principalId]'
if [ -n "$answer" ]; then
  stands "$what"
else
  change "$what" az identity create --name "$identity" --resource-group "$identity_group" --subscription "$subscription" \
    --query '[clientId, principalId]' --output tsv
  answer=$made
fi
client=$(say "$answer" | sed -n 1p)
principal=$(say "$answer" | sed -n 2p)

subject=system:serviceaccount:$namespace:$service_account
credential=aks-notifier-$(part "$cluster" 9)
what="sign-in of $subject by $issuer"
answer=''
[ -z "$principal" ] || ask identity federated-credential show --name "$credential" --identity-name "$identity" \
  --resource-group "$identity_group" --subscription "$subscription" --query '[issuer, subject, audiences[0]]'
if [ "$answer" = "$issuer$newline$subject$newline$audience" ]; then
  stands "$what"
else
  if [ -n "$answer" ]; then
    other="$(say "$answer" | sed -n 2p) by $(say "$answer" | sed -n 1p)"
    # It may be in use: by a cluster of the same name in another group, or by another release in this one.
    [ "$mode" = check ] || [ -n "$replace" ] ||
      fail "$credential of identity $identity is the sign-in of $other: give this cluster an identity of its own (--identity), or have that one replaced (--replace-sign-in)"
    what="$what, in place of $other"
  fi
  change "$what" az identity federated-credential create --name "$credential" --identity-name "$identity" \
    --resource-group "$identity_group" --subscription "$subscription" --issuer "$issuer" --subject "$subject" --audiences "$audience" \
    --output none
fi

# -- The roles, and what they are assigned for.

# What a file in roles/ says.
field() { sed -n "s/^  \"$1\": \"\(.*\)\",\{0,1\}\$/\1/p" "$here/roles/$2"; }
actions_in() { grep -o '"Microsoft\.[^"]*"' "$here/roles/$1" | tr -d '"'; }
alike() { tr '[:upper:]' '[:lower:]' | sort; }

# FILE SUBSCRIPTION: sees to a role with just the actions of the file, and nothing else, and puts its id into $role. A role's name is unique in the tenant, so
# it ends with the subscription that the role is for.
need_role() {
  file=$1 name="$(field name "$1") $2" at=/subscriptions/$2
  actions=$(actions_in "$file" | sed 's/.*/"&"/' | paste -s -d , -)
  body="\"description\": \"$(field description "$file")\", \"actions\": [$actions], \"notActions\": [], \"dataActions\": [], \"notDataActions\": [], \"assignableScopes\": [\"$at\"]"
  ask role definition list --name "$name" --scope "$at" --subscription "$2" --custom-role-only true --query '[].id'
  role=$answer
  if [ -z "$role" ]; then
    change "role '$name'" az role definition create --role-definition "{\"name\": \"$name\", $body}" --subscription "$2" \
      --query id --output tsv
    role=$made
    return
  fi
  ask role definition list --name "$name" --scope "$at" --subscription "$2" --custom-role-only true --query '[0].permissions[].actions[]'
  found=$answer
  ask role definition list --name "$name" --scope "$at" --subscription "$2" --custom-role-only true \
    --query '[0].permissions[].[notActions, dataActions, notDataActions][][]'
  if [ -z "$answer" ] && [ "$(say "$found" | alike)" = "$(actions_in "$file" | alike)" ]; then
    stands "role '$name'"
  else
    change "the right actions in role '$name'" az role definition update \
      --role-definition "{\"id\": \"$role\", \"roleName\": \"$name\", $body}" --subscription "$2" --output none
  fi
}

# However a condition is laid out, it is compared and sent on one line.
one_line() { tr -s '[:space:]' ' ' | sed 's/^ //; s/ $//'; }

# WHAT SCOPE [CONDITION]: assigns $role to the operator's identity, under just this condition.
need_assignment() {
  what="$1 at $2" at=$2 condition=${3:-} answer=''
  home=$(subscription_of "$at")
  if [ -n "$principal" ] && [ -n "$role" ]; then
    ask role assignment list --scope "$at" --subscription "$home" --fill-principal-name false \
      --query "[?principalId=='$principal' && ends_with(roleDefinitionId, '${role##*/}')].[id, condition || '']"
  fi
  found=$(say "$answer" | one_line)
  if [ -n "$found" ] && [ "$found" = "${found%% *}${condition:+ $condition}" ]; then
    stands "$what"
    return
  fi
  if [ -n "$found" ]; then
    change "$what, without the one that has another condition" az role assignment delete --ids "${found%% *}"
    lost=', but the grant that had another condition is gone already, so the operator is without it'
  fi
  set -- --assignee-object-id "${principal:-<its principal id>}" --assignee-principal-type ServicePrincipal --role "${role:-<its id>}" \
    --scope "$at" --subscription "$home" --output none
  [ -z "$condition" ] || set -- "$@" --condition "$condition" --condition-version 2.0
  change "$what" az role assignment create "$@"
  lost=''
}

reader_only=$(one_line <"$here/reader-only.txt")
for id in $(subscriptions_of "$working_scopes"); do
  need_role operator.json "$id"
  operator_role=$role
  need_role reader-grants.json "$id"
  grants_role=$role
  for scope in $working_scopes; do
    [ "$(subscription_of "$scope")" = "$id" ] || continue
    role=$operator_role
    need_assignment 'rules, groups and facts of clusters' "$scope"
    role=$grants_role
    need_assignment 'Reader for rules, and nothing else,' "$scope" "$reader_only"
  done
done
for id in $(subscriptions_of "$rule_identities"); do
  need_role rule-identities.json "$id"
  for scope in $rule_identities; do
    [ "$(subscription_of "$scope")" != "$id" ] || need_assignment 'use by rules' "$scope"
  done
done

# -- What comes next.

say
case $mode-$changes in
  check-0) say 'Everything is there.' ;;
  check-*)
    say "$changes missing. The same command without --check makes them."
    exit 1
    ;;
  dry-run-*) say "$changes missing. The same command without --dry-run makes them." ;;
  *-0) say 'Everything was there; nothing was changed.' ;;
  *) say "$changes made. A new right takes some minutes to act; the operator waits for it." ;;
esac
if [ "$mode" = apply ]; then
  say
  say 'To install the chart with it (docs/image.md says how the image gets into a registry of yours):'
  set -- --namespace "$namespace" --create-namespace --set 'image.repository=<registry>/aks-notifier' --set "azure.clientId=$client" --set "azure.tenantId=$tenant"
  [ "$service_account" = aks-notifier ] || set -- "$@" --set "fullnameOverride=$service_account"
  # What objects may ask for is then bounded by what the identity may do.
  [ -z "$scopes" ] || set -- "$@" --set "allowedScopes.all={$(printf '%s\n' "$scopes" "$rule_identities" | grep . | paste -s -d , -)}"
  words helm upgrade --install aks-notifier charts/aks-notifier "$@"
fi
