// The operator's rights in one resource group. Not compiled where it is developed.

param principalId string
param operatorRoleId string
param readerGrantsRoleId string

@description('reader-only.txt: Reader, to service principals, nothing else.')
param condition string

resource works 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, principalId, operatorRoleId)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: operatorRoleId
  }
}

resource givesReader 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, principalId, readerGrantsRoleId)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: readerGrantsRoleId
    condition: condition
    conditionVersion: '2.0'
  }
}
