-- Absent means false: the object is again as it stands in Git.
obj.spec.suspend = nil

return obj
