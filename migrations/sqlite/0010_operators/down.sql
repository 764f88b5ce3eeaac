DROP TABLE operator_links;
ALTER TABLE sessions DROP COLUMN checked_at;
