// What aks-notifier needs in one subscription of Azure: the identity that it signs in as, and its rights. Not compiled where it is developed
// (no compiler there); setup.sh beside it does the same and is tested. Use one of the two: both name the roles alike.
//
//   az deployment sub create --subscription <id> --location westeurope --template-file deploy/azure/main.bicep \
//     --parameters clusterName=prod clusterGroup=shop

targetScope = 'subscription'

@description('AKS cluster in which the operator runs, with OIDC issuer and workload identity enabled.')
param clusterName string

@description('Resource group of that cluster.')
param clusterGroup string

@description('Name of the identity that is made for the operator.')
param identityName string = 'aks-notifier'

@description('Existing resource group that the identity is made in.')
param identityGroup string = clusterGroup

@description('Namespace that the chart is installed to.')
param namespace string = 'aks-notifier-system'

@description('ServiceAccount of the release.')
param serviceAccount string = 'aks-notifier'

@description('Resource groups in which the operator may work: those of clusters and, where spec.placement names others, of rules. Empty: the whole subscription. With groups the objects need spec.readerScopes: [ResourceGroup] or [Cluster].')
param resourceGroups string[] = []

@description('User-assigned identities that alert rules may act as (spec.identity.resourceId). They must lie in this subscription.')
param ruleIdentities { resourceGroup: string, name: string }[] = []

var operator = loadJsonContent('roles/operator.json')
var readerGrants = loadJsonContent('roles/reader-grants.json')
var forRuleIdentities = loadJsonContent('roles/rule-identities.json')
var readerOnly = loadTextContent('reader-only.txt')

resource cluster 'Microsoft.ContainerService/managedClusters@2024-09-01' existing = {
  name: clusterName
  scope: resourceGroup(clusterGroup)
}

module identity 'identity.bicep' = {
  name: 'aks-notifier-identity'
  scope: resourceGroup(identityGroup)
  params: {
    name: identityName
    credentialName: 'aks-notifier-${clusterName}'
    issuer: cluster.properties.oidcIssuerProfile.issuerURL
    subject: 'system:serviceaccount:${namespace}:${serviceAccount}'
  }
}

// A role's name is unique in the tenant, so it ends with the subscription that it is for.
resource operatorRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, operator.name)
  properties: {
    roleName: '${operator.name} ${subscription().subscriptionId}'
    description: operator.description
    type: 'CustomRole'
    permissions: [{ actions: operator.actions }]
    assignableScopes: [subscription().id]
  }
}

resource readerGrantsRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, readerGrants.name)
  properties: {
    roleName: '${readerGrants.name} ${subscription().subscriptionId}'
    description: readerGrants.description
    type: 'CustomRole'
    permissions: [{ actions: readerGrants.actions }]
    assignableScopes: [subscription().id]
  }
}

resource ruleIdentitiesRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (!empty(ruleIdentities)) {
  name: guid(subscription().id, forRuleIdentities.name)
  properties: {
    roleName: '${forRuleIdentities.name} ${subscription().subscriptionId}'
    description: forRuleIdentities.description
    type: 'CustomRole'
    permissions: [{ actions: forRuleIdentities.actions }]
    assignableScopes: [subscription().id]
  }
}

// The whole subscription … These names come from the identity's name: if it was deleted, delete what it left behind before you deploy again.
resource works 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (empty(resourceGroups)) {
  name: guid(subscription().id, identityGroup, identityName, operator.name)
  properties: {
    principalId: identity.outputs.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: operatorRole.id
  }
}

resource givesReader 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (empty(resourceGroups)) {
  name: guid(subscription().id, identityGroup, identityName, readerGrants.name)
  properties: {
    principalId: identity.outputs.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: readerGrantsRole.id
    condition: readerOnly
    conditionVersion: '2.0'
  }
}

// … or some of its groups.
module rightsInGroup 'rights-in-group.bicep' = [
  for group in resourceGroups: {
    name: 'aks-notifier-${uniqueString(group)}'
    scope: resourceGroup(group)
    params: {
      principalId: identity.outputs.principalId
      operatorRoleId: operatorRole.id
      readerGrantsRoleId: readerGrantsRole.id
      condition: readerOnly
    }
  }
]

module rightOnIdentity 'right-on-identity.bicep' = [
  for each in ruleIdentities: {
    name: 'aks-notifier-${uniqueString(each.resourceGroup, each.name)}'
    scope: resourceGroup(each.resourceGroup)
    params: {
      name: each.name
      principalId: identity.outputs.principalId
      roleId: ruleIdentitiesRole.id
    }
  }
]

@description('For the chart: azure.clientId.')
output clientId string = identity.outputs.clientId

@description('For the chart: azure.tenantId.')
output tenantId string = subscription().tenantId
