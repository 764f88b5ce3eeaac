DROP INDEX resources_not_in_use;
DROP INDEX resources_by_change;
