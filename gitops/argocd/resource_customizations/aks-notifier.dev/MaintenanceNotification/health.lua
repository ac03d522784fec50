-- The conditions follow kstatus (https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus), and their observedGeneration tells
-- whether they speak of the spec as it is now. A failure that is tried again by itself (Reconciling) is Progressing; Degraded means that a
-- person must act (Stalled).
if obj.spec.suspend == true then
  return { status = "Suspended", message = "Nothing is read or written in Azure" }
end

local health = { status = "Progressing", message = "Waiting for aks-notifier" }
if obj.status == nil or obj.status.conditions == nil then
  return health
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end
local ready = conditions["Ready"]
local reconciling = conditions["Reconciling"]
local stalled = conditions["Stalled"]

local generation = obj.metadata.generation
if ready == nil or ready.observedGeneration ~= generation then
  return health
end
health.message = ready.message

if obj.status.observedGeneration ~= generation or (reconciling ~= nil and reconciling.status == "True") then
  health.status = "Progressing"
elseif stalled ~= nil and stalled.status == "True" then
  health.status = "Degraded"
elseif ready.status == "True" then
  health.status = "Healthy"
elseif ready.status == "False" then
  health.status = "Degraded"
end
return health
