import { describe, expect, it } from 'vitest';
import { prerequisitesMet, type ClusterFacts } from '../../../src/core/cluster-facts.ts';
import { ReconcileError } from '../../../src/core/failure.ts';
import { upgradeTypes } from '../../../src/core/query.ts';

const window = (name: string) => ({ name, summary: '' });
const good: ClusterFacts = {
  location: 'westeurope',
  upgradeChannel: 'stable',
  nodeOSUpgradeChannel: 'NodeImage',
  maintenanceWindows: [window('aksManagedAutoUpgradeSchedule'), window('aksManagedNodeOSUpgradeSchedule')],
};
const both = upgradeTypes;
const noChannel = 'Kubernetes version upgrades: no auto-upgrade channel is on (az aks update --auto-upgrade-channel)';
const noNodeChannel = 'node OS upgrades: no auto-upgrade channel is on (az aks update --node-os-upgrade-channel)';
const noWindow =
  'Kubernetes version upgrades: no planned maintenance window exists (az aks maintenanceconfiguration add --name aksManagedAutoUpgradeSchedule)';
const noNodeWindow =
  'node OS upgrades: no planned maintenance window exists (az aks maintenanceconfiguration add --name aksManagedNodeOSUpgradeSchedule)';

describe('the prerequisites of a notice', () => {
  it('are met when channel and window are there for everything asked for', () => {
    expect(prerequisitesMet(both, good, undefined)).toEqual({
      type: 'PrerequisitesMet',
      status: 'True',
      reason: 'Succeeded',
      message: 'An auto-upgrade channel is on and a planned maintenance window exists.',
    });
  });

  it('are met by the window called default, and by words in any letter case', () => {
    const facts = { ...good, upgradeChannel: 'STABLE', nodeOSUpgradeChannel: 'securitypatch', maintenanceWindows: [window('Default')] };
    expect(prerequisitesMet(both, facts, undefined).status).toBe('True');
  });

  it.each([
    [['K8sVersionUpgrade'], { upgradeChannel: 'none' }, noChannel],
    [['K8sVersionUpgrade'], { upgradeChannel: 'None' }, noChannel],
    [['K8sVersionUpgrade'], { upgradeChannel: '' }, noChannel],
    [['K8sVersionUpgrade'], { maintenanceWindows: [window('aksManagedNodeOSUpgradeSchedule')] }, noWindow],
    [['NodeOSUpgrade'], { nodeOSUpgradeChannel: 'None' }, noNodeChannel],
    [['NodeOSUpgrade'], { nodeOSUpgradeChannel: 'Unmanaged' }, noNodeChannel],
    [['NodeOSUpgrade'], { maintenanceWindows: [] }, noNodeWindow],
    [both, { maintenanceWindows: [] }, `${noWindow}; for ${noNodeWindow}`],
    [both, { upgradeChannel: 'none', nodeOSUpgradeChannel: 'None' }, `${noChannel}; for ${noNodeChannel}`],
  ] as const)('for %j are not met with %j, and the message has the command', (types, change, lacking) => {
    expect(prerequisitesMet(types, { ...good, ...change }, undefined)).toEqual({
      type: 'PrerequisitesMet',
      status: 'False',
      reason: 'DependencyNotReady',
      message: `Azure sends no notice for this cluster yet. For ${lacking}.`,
    });
  });

  it('are met with a warning when only one of two types can be announced', () => {
    const { status, message } = prerequisitesMet(both, { ...good, upgradeChannel: 'none' }, undefined);
    expect(status).toBe('True');
    expect(message).toBe(
      `An auto-upgrade channel is on and a planned maintenance window exists, but not for everything asked for. For ${noChannel}.`,
    );
  });

  it('are unknown, and not unmet, when they could not be read', () => {
    const facts = { ...good, maintenanceWindows: undefined };
    expect(prerequisitesMet(both, facts, new ReconcileError('AccessDenied', 'No right.'))).toEqual({
      type: 'PrerequisitesMet',
      status: 'Unknown',
      reason: 'AccessDenied',
      message: 'No right.',
    });
  });
});
