ALTER TABLE observations DROP COLUMN shape;
ALTER TABLE observations DROP COLUMN request_id;
DROP INDEX endpoints_by_status;
DROP INDEX tokens_by_end;
DROP INDEX refusals_by_time;
DROP TABLE endpoint_health;
DROP TABLE endpoint_hours;
