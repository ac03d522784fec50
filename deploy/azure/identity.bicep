// The operator's identity, and the ServiceAccount that may sign in as it. Not compiled where it is developed.

param name string
param credentialName string

@description('OIDC issuer of the cluster, exactly as AKS gives it: a trailing slash counts.')
param issuer string

@description('system:serviceaccount:<namespace>:<name>')
param subject string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: resourceGroup().location
}

resource credential 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2023-01-31' = {
  parent: identity
  name: credentialName
  properties: {
    issuer: issuer
    subject: subject
    audiences: ['api://AzureADTokenExchange']
  }
}

output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId
