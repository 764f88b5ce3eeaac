-- What changed since a moment, and who is not in use: asked by clients that synchronise, answered without looking at everybody.
CREATE INDEX resources_by_change ON resources (endpoint_id, resource_type, modified_at, id);
CREATE INDEX resources_not_in_use ON resources (endpoint_id, resource_type, id) WHERE active = 0;
